"""What a worker process tells of itself: the lanes that it consumes, and its metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from roadmask.schemas.jobs import FINAL_STATES, Lane
from roadmask.settings import Settings
from storage.jobs.manifest import ManifestItem
from storage.workers import WorkerRegistry
from tests.harness.images.worker_images import BAD, png
from tests.harness.waiting import wait_until
from tests.harness.worker.service_harness import ServiceHarness
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer
from tests.servers.worker import TinyWorker
from worker.background.heartbeat import CHECK_S


@pytest.fixture
def settings(settings: Settings) -> Settings:
    changed = {"metrics_port": free_port(), "reconcile_s": 0.3, "max_batch": 4}
    return settings.model_copy(update=changed)


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def finish(service: ServiceHarness, images: list[ManifestItem]) -> None:
    job_id = service.accept(images, Lane.BATCH, messages=1)
    wait_until(lambda: service.job(job_id).state in FINAL_STATES)


def consuming(service: ServiceHarness) -> list[list[str]]:
    return [list(worker.consuming or ()) for worker in WorkerRegistry(service.redis).list_live()]


def metrics(settings: Settings) -> dict[str, float]:
    """The samples of the worker by name and label values, these in the order of their names."""
    text = httpx.get(f"http://{HOST}:{settings.metrics_port}/metrics").text
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    return {
        " ".join([s.name, *(value for _, value in sorted(s.labels.items()))]): s.value
        for s in samples
    }


def test_a_worker_counts_its_work(
    settings: Settings, service: ServiceHarness, running: ExitStack, tmp_path: Path
) -> None:
    running.enter_context(TinyWorker(tmp_path / "worker", settings))
    wait_until(lambda: consuming(service) == [["batch", "interactive"]])
    images = [service.image(png(n)) for n in range(6)] + [service.image(BAD["truncated"][0])]
    for _ in range(2):
        finish(service, images)
    found = metrics(settings)
    assert found["roadmask_items_total  batch succeeded"] == 6
    assert found["roadmask_items_total  batch cached"] == 6
    assert found["roadmask_items_total image_unreadable batch failed"] == 2
    assert found["roadmask_attempts_total batch succeeded"] == 6
    for stage in ("fetch", "decode", "wait", "infer", "encode", "store"):
        assert found[f"roadmask_stage_seconds_count batch {stage}"] >= 6, stage
    assert found["roadmask_batch_images_sum"] == 6
    assert 0 < found["roadmask_engine_busy_seconds_total"] < 60


def test_a_frozen_loop_does_not_count_as_a_worker(
    service: ServiceHarness, running: ExitStack, tmp_path: Path, settings: Settings
) -> None:
    worker = running.enter_context(TinyWorker(tmp_path / "worker", settings, "frozen"))
    try:
        wait_until(lambda: b"the loop is frozen" in worker.log.read_bytes())
        # The threads of the interactive lane are alive, and prove it.
        wait_until(lambda: consuming(service) == [["interactive"]])
        time.sleep(3 * CHECK_S)
        assert consuming(service) == [["interactive"]]
    finally:
        worker.kill()


def test_a_worker_consumes_again_after_a_restart_of_redis(
    settings: Settings, running: ExitStack, tmp_path: Path
) -> None:
    server = running.enter_context(RedisServer(tmp_path / "own-redis"))
    own = settings.model_copy(update={"redis_url": server.url})
    service = running.enter_context(ServiceHarness.open(own))
    running.enter_context(TinyWorker(tmp_path / "worker", own))
    wait_until(lambda: consuming(service) == [["batch", "interactive"]])
    server.restart()
    service.redis.flushall()
    wait_until(lambda: consuming(service) == [["batch", "interactive"]])
    finish(service, [service.image(png(1))])
