"""A worker that stops consuming ends, unless Redis is away or the worker is to stop."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from roadmask.errors import RecordsUnavailable
from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.connections import connect_redis
from storage.queue import JobQueue
from tests.harness.worker.service_harness import ServiceHarness
from tests.servers.process import free_port
from worker.background.stall_check import PATIENCE_S, StallCheck
from worker.work.consumption import Consumption

CHECK_S = 5.0


class Worker:
    """The consuming loops of a worker, turned by the test, and its check."""

    def __init__(self, queue: JobQueue) -> None:
        self.now = 1000.0
        self.stopping = threading.Event()
        self.aborts: list[str] = []
        self.consumption = Consumption(list(Lane), stall_s=30.0, clock=lambda: self.now)
        self.check = StallCheck(
            self.consumption,
            queue,
            self.stopping,
            self.aborts.append,
            lambda: self.now,
        )

    def run(self, seconds: float, *polled: Lane) -> None:
        end = self.now + seconds
        while self.now < end and not self.aborts:
            self.consumption.polled(*polled)
            self.check.check()
            self.now += CHECK_S


@pytest.fixture
def worker(service: ServiceHarness) -> Worker:
    return Worker(service.queue)


@pytest.fixture
def without_redis(settings: Settings) -> Iterator[Worker]:
    url = f"redis://127.0.0.1:{free_port()}/0"
    with connect_redis(settings.model_copy(update={"redis_url": url})) as redis:
        yield Worker(JobQueue(redis, settings))


def test_a_loop_that_stops_polling_ends_the_worker(worker: Worker) -> None:
    worker.run(10 * PATIENCE_S, *Lane)
    assert worker.aborts == []
    worker.run(PATIENCE_S, Lane.INTERACTIVE)
    assert worker.aborts == [], "it may reconnect"
    worker.run(PATIENCE_S, Lane.INTERACTIVE)
    assert worker.aborts == ["The worker does not consume the lane batch"]


def test_a_chunk_without_progress_ends_the_worker(worker: Worker) -> None:
    worker.run(CHECK_S, *Lane)
    with worker.consumption.chunk(Lane.BATCH):
        worker.run(10 * PATIENCE_S, *Lane)
    assert worker.aborts == ["The worker does not consume the lane batch"]


def test_a_loop_that_polls_again_is_forgiven(worker: Worker) -> None:
    for _ in range(5):
        worker.run(PATIENCE_S, *Lane)
        worker.run(PATIENCE_S, Lane.BATCH)
    assert worker.aborts == []


def test_a_worker_that_is_to_stop_finishes_its_images(worker: Worker) -> None:
    worker.run(CHECK_S, *Lane)
    worker.stopping.set()
    worker.run(10 * PATIENCE_S)
    assert worker.aborts == []


def test_a_worker_that_has_not_begun_to_consume_is_left_alone(worker: Worker) -> None:
    worker.run(10 * PATIENCE_S)
    assert worker.aborts == []


def test_an_outage_of_redis_ends_no_worker(without_redis: Worker) -> None:
    without_redis.consumption.polled(*Lane)
    with pytest.raises(RecordsUnavailable):
        without_redis.check.check()
    without_redis.now += 10 * PATIENCE_S
    with pytest.raises(RecordsUnavailable):
        without_redis.check.check()
    assert without_redis.aborts == []
