"""The watchdog process kills a worker that hangs or is silent, and releases what it held."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from roadmask.schemas.jobs import JobState
from roadmask.settings import Settings
from storage.workers import WorkerRegistry
from tests.harness.images.worker_images import png
from tests.harness.waiting import PATIENCE_S, wait_until
from tests.harness.worker.poison import POISON_WIDTH
from tests.harness.worker.service_harness import ServiceHarness
from tests.servers.worker import TinyWorker
from tests.worker.conftest import Launch
from worker.background import watchdog_process, watched_worker
from worker.background.in_flight import InFlightTable
from worker.background.watchdog_process import Watch
from worker.background.watched_worker import WatchedWorker
from worker.memory_file import memory_file

BEATING = """
import sys, time
from worker.background.in_flight import InFlightTable
table = InFlightTable(int(sys.argv[1]))
facts = {"call": "Decoding", "image": "a", "job": "j", "item": 3}
with table.entry(float(sys.argv[2]), facts):
    while True:
        table.beat()
        time.sleep(0.01)
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    # The lease is so long that nothing in these tests waits for its end.
    return settings.model_copy(
        update={"lease_s": 600.0, "reconcile_s": 0.3, "max_batch": 4, "item_deadline_s": 20.0}
    )


@contextmanager
def watched(limit_s: float) -> Iterator[tuple[Watch, subprocess.Popen[bytes]]]:
    """A process with one call in flight, and the watch on it."""
    with memory_file() as file:
        table = InFlightTable(file.fileno())
        command = [sys.executable, "-c", BEATING, str(file.fileno()), str(limit_s)]
        process = subprocess.Popen(command, pass_fds=[file.fileno()])
        try:
            wait_until(lambda: table.beats)
            worker = WatchedWorker("worker", process.pid, "", 0.1, 60.0, "text")
            yield Watch(worker, table), process
        finally:
            process.kill()
            process.wait()


def poll(watch: Watch, process: subprocess.Popen[bytes], seconds: float) -> str:
    """Poll for some time, or until the process must be killed; the reason."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if reason := watch.poll():
            return reason
        time.sleep(0.02)
    return ""


def test_a_process_that_beats_lives_and_one_that_is_stopped_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watched_worker, "MIN_SILENCE_S", 0.5)
    with watched(limit_s=60) as (watch, process):
        assert not poll(watch, process, 1.0)
        process.send_signal(signal.SIGSTOP)
        said = poll(watch, process, PATIENCE_S)
        watch.kill()
        assert process.wait(PATIENCE_S) == -signal.SIGKILL
    assert "no thread of the worker runs; it is killed" in said
    assert "a (job j, item 3; Decoding)" in said


def test_a_call_that_hangs_is_ended_and_its_image_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watchdog_process, "GRACE_S", 0.3)
    with watched(limit_s=0.5) as (watch, process):
        said = poll(watch, process, PATIENCE_S)
        watch.kill()
        assert process.wait(PATIENCE_S) == -signal.SIGKILL
    assert "Decoding has hung for more than 0.5 s; the worker is killed" in said
    assert "a (job j, item 3; Decoding)" in said


def test_it_holds_no_library_while_it_watches() -> None:
    script = "import sys, worker.background.watchdog_process; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert "worker.background.in_flight" in loaded
    assert {"asyncio", "numpy", "pydantic", "redis"}.isdisjoint(loaded)


def test_a_machine_that_slept_makes_no_worker_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_worker, "MIN_SILENCE_S", 1.5)
    with watched(limit_s=1.5) as (watch, process):
        watch.poll()
        watch._polled_at -= 3600
        watch.poll()
        assert not poll(watch, process, 0.1)


def test_after_a_kill_bystanders_pay_no_attempt_and_no_lease_is_waited_for(
    launch: Launch, service: ServiceHarness
) -> None:
    victim = launch("hang", item_deadline_s=600.0)
    # Each image hangs, so none is done before: how many begin together depends on no other load.
    files = [png(n, width=POISON_WIDTH) for n in range(128)]
    job_id = service.accept([service.image(data) for data in files], messages=4)
    # One micro-batch of at most 4 is in the model, and the others wait for it.
    wait_until(lambda: b"the model hangs" in victim.log.read_bytes())
    wait_until(lambda: service.job(job_id).counts.running > 8)
    os.kill(victim.process.pid, signal.SIGKILL)
    wait_until(lambda: service.job(job_id).counts.running == 0)
    assert WorkerRegistry(service.redis).list_live() == []
    suspects = [item for item in service.items(job_id) if item.attempts and not item.result]
    # Images that were being decoded are suspects too, and those that waited are not.
    assert 1 <= len(suspects) <= 8
    log = victim.log.read_text()
    assert "the worker has died, with these images in flight" in log
    assert any(f"(job {job_id}, item {item.index}; Inference)" in log for item in suspects)
    launch()
    wait_until(lambda: service.job(job_id).state is JobState.SUCCEEDED)


def test_a_hang_that_holds_pythons_lock_is_ended_and_named(
    launch: Launch, service: ServiceHarness
) -> None:
    worker = launch("hang-with-lock", item_deadline_s=1.0)
    job_id = service.accept([service.image(png(width=POISON_WIDTH))], messages=1)
    start = time.monotonic()
    assert worker.process.wait(PATIENCE_S) == -signal.SIGKILL
    assert time.monotonic() - start > 1.0
    log = worker.log.read_text()
    assert "Inference has hung for more than 1 s; the worker is killed" in log
    assert f"(job {job_id}, item 0; Inference)" in log
    wait_until(lambda: service.job(job_id).counts.running == 0)
    assert service.items(job_id)[0].attempts == 1


def test_an_orderly_stop_leaves_no_watchdog_and_no_sandbox(
    launch: Launch, service: ServiceHarness
) -> None:
    worker = launch()
    job_id = service.accept([service.image(png())], messages=1)
    wait_until(lambda: service.job(job_id).state is JobState.SUCCEEDED)
    pid = worker.process.pid
    helpers = wait_until(lambda: _children(pid))
    worker.stop()
    wait_until(lambda: not any(_runs(helper) for helper in helpers))
    assert "died" not in worker.log.read_text()


def test_a_watchdog_process_that_dies_is_started_again(
    launch: Launch, service: ServiceHarness
) -> None:
    worker: TinyWorker = launch()
    pid = worker.process.pid
    before = wait_until(lambda: _children(pid))
    for helper in before:
        os.kill(helper, signal.SIGKILL)
    wait_until(lambda: b"started again" in worker.log.read_bytes())
    job_id = service.accept([service.image(png())], messages=1)
    wait_until(lambda: service.job(job_id).state is JobState.SUCCEEDED)


def _children(process: int) -> list[int]:
    """The processes that a process has started from any of its threads."""
    found: list[int] = []
    for task in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{task}/children") as file:
            found += map(int, file.read().split())
    return found


def _runs(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return ") Z " not in file.read()
    except FileNotFoundError:
        return False
