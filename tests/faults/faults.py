"""The faults: what is broken while jobs run, and for how long."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Thread

from roadmask.schemas.jobs import Lane
from storage.queue import PREFIX
from tests.faults import clocks, damage
from tests.faults.clocks import STEP_S
from tests.faults.damage import MASK_DAMAGES, RECORD_DAMAGES
from tests.faults.poison import GIL_HANG, HANG, KILL, MEMORY_ERROR_ONCE
from tests.faults.service import FaultyService
from tests.faults.workload import Sample, Workload
from tests.servers.fault_proxy import FaultProxy, Mode

IMAGES = 120
OUTAGE_S = 4.0


@dataclass(frozen=True)
class Fault:
    """A fault that begins when a tenth of the items has ended."""

    name: str
    inject: Callable[[Workload], None]
    """Begins the fault and ends it."""
    images: int = IMAGES
    poison: int | None = None
    """Width of one image of the job that breaks the worker."""
    is_to_blame: bool = True
    """Whether the poison image may fail."""
    store: str | None = None
    """The only store that the fault concerns."""
    keeps_events: bool = True
    """Whether the events from before the fault are still there after it."""


def nothing(_: Workload) -> None:
    """Do nothing: the row to compare with."""


def two_jobs_of_the_same_images(workload: Workload) -> None:
    workload.submit(workload.jobs[0].images)


def lose_messages(workload: Workload) -> None:
    with workload.service.redis() as redis:
        for _ in range(20):
            redis.delete(*(f"{PREFIX}{lane.value}" for lane in Lane))
            time.sleep(0.05)


def repeat_messages(workload: Workload) -> None:
    with workload.service.redis() as redis:
        for lane in Lane:
            for message in redis.lrange(f"{PREFIX}{lane.value}", 0, -1):
                redis.rpush(f"{PREFIX}{lane.value}", message, message)


def kill_workers(workload: Workload, times: int) -> None:
    for n in range(times):
        workers = workload.service.workers
        workers[n % len(workers)].signal(signal.SIGKILL)
        time.sleep(1.5)


def terminate_workers_in_turn(workload: Workload) -> None:
    for worker in workload.service.workers:
        worker.signal(signal.SIGTERM)
        time.sleep(3)


def stop_beyond_lease(workload: Workload, workers: int) -> None:
    with workload.service.stopped(workers):
        time.sleep(workload.service.limits.lease_s * 2)


def no_workers_for_a_while(workload: Workload) -> None:
    service = workload.service
    service.paused.update(service.workers)
    for worker in service.workers:
        worker.signal(signal.SIGTERM)
    time.sleep(OUTAGE_S)
    service.paused.clear()


def kill_redis(workload: Workload) -> None:
    workload.service.redis_server.kill()
    time.sleep(OUTAGE_S / 2)
    workload.service.redis_server.start()


def empty_redis(workload: Workload) -> None:
    with workload.service.redis() as redis:
        redis.flushall()


def fill_redis(workload: Workload) -> None:
    with workload.service.redis() as redis:
        redis.config_set("maxmemory", 1)
        time.sleep(OUTAGE_S)
        redis.config_set("maxmemory", 0)


def make_redis_read_only(workload: Workload) -> None:
    with workload.service.redis() as redis:
        redis.config_set("min-replicas-to-write", 1)
        time.sleep(OUTAGE_S)
        redis.config_set("min-replicas-to-write", 0)


def break_connections(
    proxy_of: Callable[[FaultyService], FaultProxy], mode: Mode, workload: Workload
) -> None:
    proxy = proxy_of(workload.service)
    proxy.set_mode(mode)
    time.sleep(OUTAGE_S)
    proxy.set_mode(Mode.PASS)


def cut_redis_connections(workload: Workload) -> None:
    for _ in range(10):
        workload.service.redis_proxy.cut()
        time.sleep(0.3)


def make_masks_unwritable(workload: Workload) -> None:
    """A file in place of the folder, since no permission stops root."""
    masks = workload.service.folder / "data" / "objects" / "masks"
    aside = masks.with_name("masks-aside")
    masks.rename(aside)
    masks.touch()
    time.sleep(OUTAGE_S)
    masks.unlink()
    aside.rename(masks)


def kill_object_store(workload: Workload) -> None:
    assert workload.service.minio is not None
    workload.service.minio.kill()
    time.sleep(OUTAGE_S)
    workload.service.minio.start()


def kill_api_during_submissions(workload: Workload) -> None:
    """The client repeats a submission with its key until it is answered."""
    for delay in (0.02, 0.05, 0.1):
        images = [Sample.make() for _ in range(8)]
        with kill_later(workload.service, delay):
            workload.submit(images)


@contextmanager
def kill_later(service: FaultyService, delay: float) -> Iterator[None]:
    def kill() -> None:
        time.sleep(delay)
        service.api.restart()

    thread = Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def cancel_during_kills(workload: Workload) -> None:
    other = workload.submit([Sample.make() for _ in range(IMAGES)])
    workload.service.workers[0].signal(signal.SIGKILL)
    with workload.service.client() as client:
        client.cancel(other.id)
    workload.service.workers[-1].signal(signal.SIGKILL)


def kill_everything_in_turn(workload: Workload) -> None:
    """Each part is killed when the job has gone on since the last kill."""
    service = workload.service
    kills: list[Callable[[], object]] = [
        partial(service.workers[0].signal, signal.SIGKILL),
        service.workers[-1].kill_with_children,
        service.api.restart,
        partial(kill_redis, workload),
        partial(service.scheduler.signal, signal.SIGKILL),
        partial(kill_object_store if service.minio else make_masks_unwritable, workload),
    ]
    for number, kill in enumerate(kills, 1):
        kill()
        workload.wait_for_share(0.1 + 0.12 * number)


def _redis(service: FaultyService) -> FaultProxy:
    return service.redis_proxy


def _s3(service: FaultyService) -> FaultProxy:
    return service.store_proxy


EVERYTHING = Fault("everything killed in turn", kill_everything_in_turn, images=600)
FAULTS = [
    Fault("none", nothing),
    Fault("two jobs of the same new images", two_jobs_of_the_same_images),
    Fault("messages lost", lose_messages),
    Fault("messages delivered three times", repeat_messages),
    Fault("workers killed 6 times", partial(kill_workers, times=6)),
    Fault("workers killed 50 times", partial(kill_workers, times=50), images=1000),
    Fault("workers terminated in turn", terminate_workers_in_turn),
    Fault("one worker stopped beyond its lease", partial(stop_beyond_lease, workers=1)),
    Fault("all workers stopped beyond their lease", partial(stop_beyond_lease, workers=2)),
    Fault("no workers, then two", no_workers_for_a_while),
    Fault("Redis killed and started with its file", kill_redis),
    Fault("Redis emptied", empty_redis, keeps_events=False),
    Fault("Redis full", fill_redis),
    Fault("Redis refuses writes", make_redis_read_only),
    Fault("Redis connections cut 10 times", cut_redis_connections),
    *(
        Fault(f"Redis connections: {mode.value}", partial(break_connections, _redis, mode))
        for mode in (Mode.REFUSE, Mode.RESET, Mode.HOLE, Mode.MUTE)
    ),
    Fault("masks cannot be written", make_masks_unwritable, store="local"),
    Fault("MinIO killed", kill_object_store, store="minio"),
    *(
        Fault(f"S3 connections: {mode.value}", partial(break_connections, _s3, mode), store="minio")
        for mode in (Mode.REFUSE, Mode.RESET, Mode.HOLE, Mode.MUTE, Mode.SLOW, Mode.HTTP_503)
    ),
    Fault("API killed during submissions", kill_api_during_submissions),
    Fault("one job canceled during kills", cancel_during_kills),
    Fault("an image kills its worker", nothing, poison=KILL),
    Fault("an image hangs the model", nothing, poison=HANG),
    Fault("an image hangs the model and Python", nothing, poison=GIL_HANG),
    Fault("the model fails once", nothing, poison=MEMORY_ERROR_ONCE, is_to_blame=False),
    EVERYTHING,
    *(
        Fault(f"{record} {name}", partial(inject, how=how), keeps_events=False)
        for record, inject in (
            ("job.json, Redis emptied:", damage.damage_job_file),
            ("sealed chunk, Redis emptied:", damage.damage_sealed_chunk),
            ("catalogue entry, Redis emptied:", damage.damage_catalogue_entry),
            ("part of the manifest:", damage.damage_manifest),
            ("deployment entry:", damage.damage_deployment),
        )
        for name, how in RECORD_DAMAGES.items()
    ),
    *(
        Fault(f"5 stored masks: {name}", partial(damage.damage_masks, how=how))
        for name, how in MASK_DAMAGES.items()
    ),
    *(
        Fault(f"{whose} clock set {direction} by 20 minutes", partial(inject, seconds=seconds))
        for whose, inject in (
            ("Redis's", clocks.step_redis),
            ("a worker's", clocks.step_worker),
            ("the API's", clocks.step_api),
        )
        for direction, seconds in (("forward", STEP_S), ("back", -STEP_S))
    ),
]
"""All faults, in the order of the table."""
