"""A worker that cannot load a model leaves its images to the workers that may."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from roadmask.errors import EngineNotFound
from roadmask.schemas.jobs import FINAL_STATES, ItemState, JobState, Lane
from storage.workers import WorkerRegistry
from tests.harness.images.worker_images import png
from tests.harness.waiting import wait_until
from tests.harness.worker.service_harness import ServiceHarness
from tests.harness.worker.tiny_model import Brightness, TinyArtifact, models_loaded_by
from tests.worker.work.conftest import Start, work
from worker.models.loaded import LoadedModels
from worker.process import WorkerProcess

IMAGES = 6


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses after a chunk that was given back, and between heartbeats."""
    monkeypatch.setattr("worker.work.chunks.MAX_PAUSE_S", 0.5)
    monkeypatch.setattr("worker.background.heartbeat.HEARTBEAT_S", 0.1)


def cut_off(artifact: TinyArtifact) -> Brightness:
    """A disk on which only the file of the model `large` is damaged."""
    if artifact.name == "large":
        raise OSError("model.keras is cut off")
    return Brightness()


def without_weights() -> LoadedModels:
    return models_loaded_by(cut_off)


def without_room() -> LoadedModels:
    """A disk without room for the download of a model."""
    models = Brightness().models()

    def find(name: str) -> TinyArtifact:
        raise OSError(28, "No space left on device")

    models.find = find  # type: ignore[method-assign]
    return models


def without_engine() -> LoadedModels:
    models = Brightness().models()

    def parameters(*_: object) -> dict[str, object]:
        raise EngineNotFound("TensorFlow is not installed here.")

    models.parameters = parameters  # type: ignore[assignment]
    return models


def registered(service: ServiceHarness, *processes: WorkerProcess) -> None:
    """Wait until these workers, and no others, are known to consume the batch lane."""
    for process in processes:
        process.consumption.polled(Lane.BATCH)
    workers = WorkerRegistry(service.redis)
    wait_until(lambda: len(workers.list_live()) == len(processes))


@pytest.mark.parametrize("broken", [without_weights, without_room, without_engine])
def test_a_worker_that_cannot_load_a_model_costs_no_attempt(
    start: Start, service: ServiceHarness, broken: Callable[[], LoadedModels]
) -> None:
    bad, good = start(broken()), start(Brightness())
    registered(service, bad, good)
    job_id = service.accept([service.image(png(n)) for n in range(IMAGES)], model="large")
    for _ in range(4):
        bad.chunks.run(job_id, Lane.BATCH)
    assert "large" in (bad.chunks.outage or "")
    items = service.items(job_id)
    assert {(item.state, item.attempts) for item in items} == {(ItemState.QUEUED, 0)}
    work(good, service, job_id)
    assert {item.attempts for item in service.items(job_id)} == {1}
    assert service.job(job_id).state is JobState.SUCCEEDED


def test_an_image_ends_once_no_worker_is_left_that_may_load_its_model(
    start: Start, service: ServiceHarness
) -> None:
    workers = [start(without_weights()) for _ in range(2)]
    registered(service, *workers)
    job_id = service.accept([service.image(png(n)) for n in range(IMAGES)], model="large")

    def is_over() -> bool:
        for worker in workers:
            worker.chunks.run(job_id, Lane.BATCH)
        return service.job(job_id).state in FINAL_STATES

    wait_until(is_over)
    causes = {(item.error.code, item.attempts) for item in service.items(job_id) if item.error}
    assert causes == {("model_not_loaded", 3)}
    assert service.job(job_id).counts.failed == IMAGES


def test_a_model_that_loads_again_is_no_longer_named(start: Start, service: ServiceHarness) -> None:
    faults = iter([MemoryError()])

    def load(artifact: TinyArtifact) -> Brightness:
        if artifact.name == "large" and (raised := next(faults, None)):
            raise raised
        return Brightness()

    process = start(models_loaded_by(load))
    registered(service, process)
    workers = WorkerRegistry(service.redis)
    job_id = service.accept([service.image(png())], model="large")
    process.chunks.run(job_id, Lane.BATCH)
    work(process, service, job_id)
    assert service.job(job_id).state is JobState.SUCCEEDED
    wait_until(lambda: workers.list_live()[0].unloadable == [])
