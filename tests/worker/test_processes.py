"""Worker processes that are killed, stopped, hung and cut off: every item ends once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from roadmask.jobs import FINAL_STATES, Item, JobState, Lane
from roadmask.settings import Settings
from storage.roll import Roll
from tests.servers.process import Server
from tests.servers.redis import RedisServer
from tests.waiting import wait_until
from tests.worker.desk import Desk
from tests.worker.pictures import png
from tests.worker.tiny_worker import POISON_WIDTH
from worker.watchdog import EXIT_CODE

ROOT = Path(__file__).parents[2]


class TinyWorker(Server):
    """A worker process; it answers once it shows itself."""

    def __init__(self, folder: Path, settings: Settings, fault: str) -> None:
        super().__init__(folder)
        self._settings = settings
        self._fault = fault

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.worker.tiny_worker", self._fault]

    def environment(self) -> dict[str, str]:
        told = self._settings.model_dump(
            mode="json", include={"redis_url", "data_dir", "lease_s", "reconcile_s", "max_batch"}
        )
        told |= {"item_deadline_s": self._settings.item_deadline_s, "worker_threads": 2}
        variables = {f"ROADMASK_{name.upper()}": str(value) for name, value in told.items()}
        return os.environ | variables | {"PYTHONPATH": str(ROOT)}

    def answers(self) -> bool:
        return b"worker ready" in self.log.read_bytes()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"lease_s": 1.0, "reconcile_s": 0.3, "max_batch": 4, "item_deadline_s": 20.0}
    )


@pytest.fixture
def desk(settings: Settings, redis: Redis) -> Desk:
    return Desk.open(settings)


Launch = Callable[..., TinyWorker]


@pytest.fixture
def launch(settings: Settings, desk: Desk, tmp_path: Path) -> Iterator[Launch]:
    """Start a worker process with a fault and, where given, other settings."""
    with ExitStack() as running:

        def launch_one(fault: str = "none", **other: object) -> TinyWorker:
            folder = tmp_path / f"worker-{len(list(tmp_path.iterdir()))}"
            worker = TinyWorker(folder, settings.model_copy(update=other), fault)
            return running.enter_context(worker)

        yield launch_one


def ended(desk: Desk, job_id: str) -> bool:
    return desk.job(job_id).state in FINAL_STATES


def dead_or_done(worker: TinyWorker, desk: Desk, job_id: str) -> bool:
    return worker.process.poll() is not None or ended(desk, job_id)


def check_each_item_ended_once(desk: Desk, job_id: str) -> list[Item]:
    """Counts, items and events tell the same story."""
    items, counts = desk.items(job_id), desk.job(job_id).counts
    states = Counter(item.state.value for item in items)
    assert (states["succeeded"], states["failed"]) == (counts.succeeded, counts.failed)
    assert counts.succeeded + counts.failed == counts.total == len(items)
    events: Any = desk.redis.xrange(f"rm:job:{job_id}:events")
    told = [json.loads(event[b"data"])["index"] for _, event in events if event[b"type"] == b"item"]
    assert sorted(told) == list(range(counts.total))
    return items


def code(item: Item) -> str | None:
    return item.error.code if item.error else None


def test_kill_9_of_a_worker_and_duplicated_messages_lose_and_double_nothing(
    launch: Launch, desk: Desk
) -> None:
    victim, _ = launch("slow"), launch("slow")
    job_id = desk.accept([desk.image(png(n)) for n in range(150)], messages=24)
    wait_until(lambda: desk.job(job_id).counts.succeeded > 30, seconds=30)
    victim.kill()
    assert not ended(desk, job_id)
    wait_until(lambda: ended(desk, job_id), seconds=60)
    items = check_each_item_ended_once(desk, job_id)
    assert desk.job(job_id).state is JobState.SUCCEEDED
    assert {item.attempts for item in items} <= {1, 2}


def test_an_urgent_image_is_served_while_batches_hold_all_threads_of_the_pool(
    launch: Launch, desk: Desk
) -> None:
    worker = launch("held")
    desk.accept([desk.image(png(n)) for n in range(8)], messages=8)
    try:
        # The pool has two threads.
        wait_until(lambda: worker.log.read_bytes().count(b"a thread is held") == 2, seconds=30)
        for n in range(3):
            urgent = desk.accept([desk.image(png(100 + n))], Lane.INTERACTIVE, messages=1)
            wait_until(partial(ended, desk, urgent))
            assert desk.job(urgent).state is JobState.SUCCEEDED
    finally:
        # It would wait for what it holds.
        worker.kill()


def test_sigterm_finishes_what_is_in_hand_and_leaves_the_rest(launch: Launch, desk: Desk) -> None:
    worker = launch("slow")
    job_id = desk.accept([desk.image(png(n)) for n in range(200)], messages=2)
    wait_until(lambda: desk.job(job_id).counts.succeeded > 5, seconds=30)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(20) == 0
    counts = desk.job(job_id).counts
    assert (counts.running, counts.failed) == (0, 0)
    assert 5 < counts.succeeded < 200
    assert Roll(desk.redis).alive() == []
    launch()
    wait_until(lambda: ended(desk, job_id), seconds=30)
    items = check_each_item_ended_once(desk, job_id)
    assert {item.attempts for item in items} == {1}


def test_an_image_that_kills_its_worker_fails_alone_after_three_attempts(
    launch: Launch, desk: Desk
) -> None:
    files = [png(n) for n in range(20)]
    files[7] = png(7, width=POISON_WIDTH)
    job_id = desk.accept([desk.image(data) for data in files], messages=2)
    deaths = 0
    while not ended(desk, job_id):
        worker = launch("kill")
        wait_until(partial(dead_or_done, worker, desk, job_id), seconds=30)
        deaths += worker.process.poll() == -signal.SIGKILL
    items = check_each_item_ended_once(desk, job_id)
    assert [code(item) for item in items] == [None] * 7 + ["worker_crashed"] + [None] * 12
    assert deaths == 3
    # A neighbour is blamed once at most: its second attempt is made alone.
    assert max(item.attempts for item in items if code(item) is None) <= 2


def test_an_image_that_hangs_the_model_fails_alone(launch: Launch, desk: Desk) -> None:
    files = [png(n) for n in range(6)]
    files[2] = png(2, width=POISON_WIDTH)
    job_id = desk.accept([desk.image(data) for data in files], messages=2)
    exits = []
    while not ended(desk, job_id):
        worker = launch("hang", item_deadline_s=4.0)
        wait_until(partial(dead_or_done, worker, desk, job_id), seconds=30)
        exits.append(worker.process.poll())
    items = check_each_item_ended_once(desk, job_id)
    assert [code(item) for item in items] == [None, None, "deadline_exceeded", None, None, None]
    assert exits[0] == EXIT_CODE


def test_memory_errors_and_exits_of_tasks_wedge_no_slot(launch: Launch, desk: Desk) -> None:
    worker = launch("tasks")
    job_id = desk.accept([desk.image(png(n)) for n in range(8)], messages=6)
    wait_until(lambda: ended(desk, job_id), seconds=30)
    check_each_item_ended_once(desk, job_id)
    assert worker.log.read_text().count("the chunk was dropped") == 4


def test_a_restart_of_redis_is_survived_without_a_restart_of_the_worker(
    settings: Settings, tmp_path: Path, launch: Launch
) -> None:
    with RedisServer(tmp_path / "own-redis") as server:
        own = settings.model_copy(update={"redis_url": server.url})
        desk = Desk.open(own)
        worker = launch("slow", redis_url=server.url)
        job_id = desk.accept([desk.image(png(n)) for n in range(100)], messages=4)
        wait_until(lambda: desk.job(job_id).counts.succeeded > 10, seconds=30)
        server.restart()
        wait_until(lambda: ended(desk, job_id), seconds=60)
        assert desk.job(job_id).counts.succeeded == 100
        check_each_item_ended_once(desk, job_id)
        assert worker.process.poll() is None
        worker.stop()
