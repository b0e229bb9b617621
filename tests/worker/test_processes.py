"""Worker processes that are killed, stopped, hung or disconnected: every item ends once."""

from __future__ import annotations

import json
import signal
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from roadmask.schemas.jobs import FINAL_STATES, Item, JobState, Lane
from roadmask.settings import Settings
from storage.workers import WorkerRegistry
from tests.harness.images.worker_images import png
from tests.harness.waiting import PATIENCE_S, wait_until
from tests.harness.worker.poison import POISON_WIDTH
from tests.harness.worker.service_harness import ServiceHarness
from tests.servers.redis import RedisServer
from tests.servers.worker import TinyWorker
from tests.worker.conftest import Launch
from worker.background.watchdog import EXIT_CODE


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"lease_s": 1.0, "reconcile_s": 0.3, "max_batch": 4, "item_deadline_s": 20.0}
    )


def ended(service: ServiceHarness, job_id: str) -> bool:
    return service.job(job_id).state in FINAL_STATES


def dead_or_done(worker: TinyWorker, service: ServiceHarness, job_id: str) -> bool:
    return worker.process.poll() is not None or ended(service, job_id)


def check_each_item_ended_once(service: ServiceHarness, job_id: str) -> list[Item]:
    """Check that counts, items and events agree."""
    items, counts = service.items(job_id), service.job(job_id).counts
    states = Counter(item.state.value for item in items)
    assert (states["succeeded"], states["failed"]) == (counts.succeeded, counts.failed)
    assert counts.succeeded + counts.failed == counts.total == len(items)
    events: Any = service.redis.xrange(f"rm:job:{job_id}:events")
    indices = [
        json.loads(event[b"data"])["index"] for _, event in events if event[b"type"] == b"item"
    ]
    assert sorted(indices) == list(range(counts.total))
    return items


def code(item: Item) -> str | None:
    return item.error.code if item.error else None


def test_after_kill_9_and_duplicate_messages_every_item_counts_once(
    launch: Launch, service: ServiceHarness
) -> None:
    victim, _ = launch("slow"), launch("slow")
    job_id = service.accept([service.image(png(n)) for n in range(128)], messages=24)
    wait_until(lambda: service.job(job_id).counts.succeeded > 20)
    victim.kill()
    assert not ended(service, job_id)
    wait_until(lambda: ended(service, job_id))
    items = check_each_item_ended_once(service, job_id)
    assert service.job(job_id).state is JobState.SUCCEEDED
    assert {item.attempts for item in items} <= {1, 2}


def test_an_interactive_image_is_served_while_batch_chunks_occupy_the_pool(
    launch: Launch, service: ServiceHarness
) -> None:
    worker = launch("held")
    service.accept([service.image(png(n)) for n in range(8)], messages=8)
    try:
        # The pool has two threads.
        wait_until(lambda: worker.log.read_bytes().count(b"a thread is held") == 2)
        for n in range(3):
            urgent = service.accept([service.image(png(100 + n))], Lane.INTERACTIVE, messages=1)
            wait_until(partial(ended, service, urgent))
            assert service.job(urgent).state is JobState.SUCCEEDED
    finally:
        # Stopping it would wait for the threads that are held.
        worker.kill()


def test_sigterm_finishes_running_items_and_leaves_the_others(
    launch: Launch, service: ServiceHarness
) -> None:
    worker = launch("slow")
    job_id = service.accept([service.image(png(n)) for n in range(128)], messages=2)
    wait_until(lambda: service.job(job_id).counts.succeeded > 5)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(PATIENCE_S) == 0
    counts = service.job(job_id).counts
    assert (counts.running, counts.failed) == (0, 0)
    assert 5 < counts.succeeded < 128
    assert WorkerRegistry(service.redis).list_live() == []
    launch()
    wait_until(lambda: ended(service, job_id))
    items = check_each_item_ended_once(service, job_id)
    assert {item.attempts for item in items} == {1}


def test_an_image_that_kills_its_worker_fails_alone_after_three_attempts(
    launch: Launch, service: ServiceHarness
) -> None:
    files = [png(n) for n in range(20)]
    files[7] = png(7, width=POISON_WIDTH)
    job_id = service.accept([service.image(data) for data in files], messages=2)
    deaths = 0
    while not ended(service, job_id):
        worker = launch("kill")
        wait_until(partial(dead_or_done, worker, service, job_id))
        deaths += worker.process.poll() == -signal.SIGKILL
    items = check_each_item_ended_once(service, job_id)
    assert [code(item) for item in items] == [None] * 7 + ["worker_crashed"] + [None] * 12
    assert deaths == 3
    # Other items lose one attempt at most, because their second one runs alone.
    assert max(item.attempts for item in items if code(item) is None) <= 2


def test_an_image_that_hangs_the_model_fails_alone(launch: Launch, service: ServiceHarness) -> None:
    files = [png(n) for n in range(6)]
    files[2] = png(2, width=POISON_WIDTH)
    job_id = service.accept([service.image(data) for data in files], messages=2)
    exits = []
    while not ended(service, job_id):
        worker = launch("hang", item_deadline_s=3.0)
        wait_until(partial(dead_or_done, worker, service, job_id))
        exits.append(worker.process.poll())
    items = check_each_item_ended_once(service, job_id)
    assert [code(item) for item in items] == [None, None, "deadline_exceeded", None, None, None]
    assert exits[0] == EXIT_CODE


def test_a_task_that_raises_memory_error_or_system_exit_blocks_no_slot(
    launch: Launch, service: ServiceHarness
) -> None:
    worker = launch("tasks")
    job_id = service.accept([service.image(png(n)) for n in range(8)], messages=6)
    wait_until(lambda: ended(service, job_id))
    check_each_item_ended_once(service, job_id)
    assert worker.log.read_text().count("the chunk was dropped") == 4


def test_a_worker_survives_a_restart_of_redis(
    settings: Settings, tmp_path: Path, launch: Launch
) -> None:
    with ExitStack() as running:
        server = running.enter_context(RedisServer(tmp_path / "own-redis"))
        own = settings.model_copy(update={"redis_url": server.url})
        service = running.enter_context(ServiceHarness.open(own))
        worker = launch("slow", redis_url=server.url)
        job_id = service.accept([service.image(png(n)) for n in range(64)], messages=4)
        wait_until(lambda: service.job(job_id).counts.succeeded > 10)
        server.restart()
        wait_until(lambda: ended(service, job_id))
        assert service.job(job_id).counts.succeeded == 64
        check_each_item_ended_once(service, job_id)
        assert worker.process.poll() is None
        worker.stop()
