"""The threads of the interactive lane outlive every message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.queue import JobQueue, celery_config, lane_key
from tests.harness.waiting import wait_until
from worker.work.consumption import Consumption
from worker.work.interactive_consumer import InteractiveConsumer


class NotedJobs:
    """Stands in for the chunks, and notes the jobs."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    def run(self, job_id: str, _: Lane) -> None:
        self.jobs.append(job_id)


@pytest.fixture
def app(settings: Settings, redis: Redis) -> Iterator[Celery]:
    app = Celery("roadmask", set_as_current=False, fixups=[])
    app.conf.update(celery_config(settings))
    yield app
    app.close()


ODD: list[dict[str, Any]] = [
    {"name": "another.task", "args": ("a",)},
    {"name": "roadmask.work", "args": ()},
    {"name": "roadmask.work", "kwargs": {"job": "a"}},
]


def test_an_odd_message_is_dropped_and_the_next_ones_are_taken(
    app: Celery, settings: Settings, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    for message in ODD:
        app.send_task(**message, queue=Lane.INTERACTIVE.value)
    with app.connection_for_write() as connection, connection.Producer() as producer:
        for body, kind in (
            (b"\xff{", "application/json"),
            (b"?", "application/x-python-serialize"),
        ):
            producer.publish(
                body,
                routing_key=Lane.INTERACTIVE.value,
                content_type=kind,
                content_encoding="binary",
            )
    app.send_task("roadmask.work", ("wanted",), queue=Lane.INTERACTIVE.value)
    noted = NotedJobs()
    queue = JobQueue(redis, settings)
    consumption = Consumption([Lane.INTERACTIVE], 60)
    consumer = InteractiveConsumer(queue, noted, consumption, 2)  # type: ignore[arg-type]
    consumer.start()
    wait_until(lambda: "wanted" in noted.jobs)
    wait_until(lambda: redis.llen(lane_key(Lane.INTERACTIVE)) == 0)
    consumer.stop()
    assert noted.jobs == ["wanted"]
    assert caplog.text.count("is dropped") == len(ODD) + 2
    assert redis.keys("rm:queue:unacked*") == []
