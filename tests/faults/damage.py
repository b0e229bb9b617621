"""Faults of what is stored: records and masks that are damaged, missing, or of a newer version."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from roadmask.hashing import sha256_of
from roadmask.schemas.jobs import OPEN_STATES
from roadmask.schemas.media_types import JSON
from storage.backends import StorageBackends
from storage.connections import open_store
from storage.jobs.manifest import part_key
from storage.jobs.results import results_prefix
from storage.objects.keys import DEPLOYMENTS, catalogue_key, job_file_key
from storage.objects.store import ObjectStore
from tests.faults.workload import Sample, Workload
from tests.harness.waiting import wait_until
from tests.harness.worker.tiny_model import TinyArtifact
from tests.servers.process import START_S

NEIGHBOURS = 40
DAMAGED_MASKS = 5

Damage = Callable[[bytes], bytes | None]
"""From the bytes of an object to those that take their place; None for no object at all."""


def cut(data: bytes) -> bytes:
    """A third of it, which ends within a line: lines may all have one length."""
    return data[: len(data) // 3].removesuffix(b"\n")[:-1]


def flipped(data: bytes) -> bytes:
    """The same size, with one other byte in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


def missing(_: bytes) -> None:
    return None


def newer(data: bytes) -> bytes:
    """The JSON, or JSON lines, as a newer version might write them."""
    lines = map(json.loads, data.splitlines())
    return b"".join(json.dumps(_newer(line)).encode() + b"\n" for line in lines)


def _newer(record: dict[str, object]) -> dict[str, object]:
    newer_format = {"record_format": 2} if "record_format" in record else {}
    return {**record, **newer_format, "priority": 1}


RECORD_DAMAGES: dict[str, Damage] = {"damaged": cut, "missing": missing, "newer": newer}
MASK_DAMAGES: dict[str, Damage] = {"short": cut, "changed": flipped, "missing": missing}


def damage_job_file(workload: Workload, how: Damage) -> None:
    """After a chunk was sealed: without one, a lost `job.json` was never accepted."""
    job = workload.jobs[0]
    with _paused_beside_neighbours(workload):
        _sealed_key(workload)
        job.is_damaged |= how is not newer
        _damage_record(workload, job_file_key(job.id), how)
        _empty_redis(workload)


def damage_sealed_chunk(workload: Workload, how: Damage) -> None:
    """The masks of its items are stored, so these succeed again."""
    with _paused_beside_neighbours(workload):
        _damage_record(workload, _sealed_key(workload), how)
        _empty_redis(workload)


def damage_manifest(workload: Workload, how: Damage) -> None:
    """Workers keep parts of manifests in memory, so they are started again."""
    job = workload.jobs[0]
    with _paused_beside_neighbours(workload) as is_open:
        job.is_damaged |= how is not newer
        _damage_record(workload, part_key(job.id, 0), how)
        if not is_open:
            workload.damaged_keys.clear()  # the API may have the part in memory
        for worker in workload.service.workers:
            worker.signal(signal.SIGKILL)


def damage_catalogue_entry(workload: Workload, how: Damage) -> None:
    with _paused_beside_neighbours(workload):
        image = workload.jobs[0].images[-1]
        _damage_record(workload, catalogue_key(f"sha256-{sha256_of(image.data)}"), how)
        _empty_redis(workload)


@contextmanager
def _paused_beside_neighbours(workload: Workload) -> Iterator[bool]:
    """No worker runs while a record of the job is damaged; another job waits beside it.

    Yields whether the job is still open.
    """
    service, job = workload.service, workload.jobs[0]
    with service.stopped(len(service.workers)):
        workload.submit([Sample.make() for _ in range(NEIGHBOURS)])
        with service.client() as client:
            is_open = client.job(job.id).state in OPEN_STATES
        # Nobody works on an ended job: what it loses now is not made again.
        job.is_damaged = not is_open
        yield is_open


def _sealed_key(workload: Workload) -> str:
    """The key of the first sealed chunk of the job, which the reconciler seals if need be."""
    store, prefix = open_store(workload.service.settings()), results_prefix(workload.jobs[0].id)
    return wait_until(lambda: next(iter(store.keys(prefix)), None), START_S)


def damage_deployment(workload: Workload, how: Damage) -> None:
    """The last of two deployments; workers start without it, and the one before it counts."""
    service = workload.service
    with closing(StorageBackends.open(service.settings())) as storage:
        storage.deployments.promote(str(TinyArtifact().model_version))
        last = storage.deployments.rollback()
    _damage_record(workload, f"{DEPLOYMENTS}{last.id}.json", how)
    for worker in service.workers:
        worker.signal(signal.SIGKILL)
    workload.submit([Sample.make() for _ in range(NEIGHBOURS)])


def damage_masks(workload: Workload, how: Damage) -> None:
    """Some masks of a job that has ended; a second job of the same images makes them again."""
    workload.wait_for_share(1.0)
    job, store = workload.jobs[0], open_store(workload.service.settings())
    with workload.service.client() as client:
        items = list(client.results(job.id))[:DAMAGED_MASKS]
    for item in items:
        assert item.result is not None
        _damage(store, item.result.mask_key, how, "image/png")
    workload.submit(job.images)


def _damage_record(workload: Workload, key: str, how: Damage) -> None:
    if how is cut:
        workload.damaged_keys.append(key)
    _damage(open_store(workload.service.settings()), key, how, JSON)


def _damage(store: ObjectStore, key: str, how: Damage, content_type: str) -> None:
    damaged = how(store.get(key))
    if damaged is None:
        store.delete(key)
    else:
        store.put(key, damaged, content_type)


def _empty_redis(workload: Workload) -> None:
    with workload.service.redis() as redis:
        redis.flushall()
