"""Chunks of jobs in one worker process: outcomes, retries, and priority."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from roadmask.errors import DeadlineExceeded, EngineNotFound, ItemError, RecordsUnavailable
from roadmask.images.decoding import decode, decode_sniffed
from roadmask.masks.codec import encode_mask
from roadmask.schemas.jobs import ItemState, JobState, Lane
from roadmask.settings import Settings
from storage.jobs.leases import Leases
from storage.queue import JobQueue
from storage.workers import WorkerRegistry
from tests.harness.images.worker_images import BAD, GOOD, png
from tests.harness.latch import Latch
from tests.harness.waiting import wait_until
from tests.harness.worker.service_harness import ServiceHarness
from tests.harness.worker.tiny_model import (
    Brightness,
    Images,
    TinyArtifact,
    expected_mask,
    models_loaded_by,
)
from tests.worker.work.conftest import Start, work
from worker.models.loaded import REST_S
from worker.pipeline.sandbox import Sandbox


def truth_of(data: bytes) -> bytes:
    """The mask that the model makes of an image, as a PNG."""
    return encode_mask(expected_mask(decode(data, 10**6)))


def test_each_bad_image_of_a_job_fails_with_its_error_code(
    start: Start, service: ServiceHarness
) -> None:
    process = start(Brightness())
    causes = [None] * len(GOOD) + [code for _, code in BAD.values()]
    files = [*GOOD.values(), *(data for data, _ in BAD.values())]
    job_id = service.accept([service.image(data) for data in files])
    work(process, service, job_id)
    items = service.items(job_id)
    assert [item.error.code if item.error else None for item in items] == causes
    assert all(item.attempts == 1 for item in items)
    job = service.job(job_id)
    assert job.state is JobState.COMPLETED_WITH_ERRORS
    assert (job.counts.succeeded, job.counts.failed) == (len(GOOD), len(BAD))


def test_a_worker_lets_its_models_give_back_memory(start: Start) -> None:
    model = Brightness()
    start(model)
    wait_until(lambda: model.rest_s == REST_S, 10)


def test_scores_are_pooled_over_the_job(start: Start, service: ServiceHarness) -> None:
    job_id = service.accept([service.image(png(n), truth_of(png(n))) for n in range(3)])
    work(start(Brightness()), service, job_id)
    scores = service.job(job_id).scores
    assert scores is not None
    assert (scores.images, scores.accuracy) == (3, 1.0)


def test_a_second_job_over_the_same_images_infers_nothing(
    start: Start, service: ServiceHarness
) -> None:
    model = Brightness()
    process = start(model)
    images = [service.image(png(n)) for n in range(6)]
    work(process, service, service.accept(images))
    again = service.accept([*images, *images])
    work(process, service, again)
    assert model.inferred == 6
    assert service.job(again).counts.cached == 12


def test_one_message_is_enough_for_a_job_whose_masks_are_all_stored(
    start: Start, service: ServiceHarness
) -> None:
    process = start(Brightness())
    images = [service.image(png(n), truth_of(png(n))) for n in range(40)]
    work(process, service, service.accept(images))
    again = service.accept(images)
    process.chunks.run(again, Lane.BATCH)
    job = service.job(again)
    assert (job.state, job.counts.cached) == (JobState.SUCCEEDED, 40)
    assert job.scores is not None
    assert job.scores.images == 40
    assert {item.attempts for item in service.items(again)} == {0}, "nothing was decoded"


def test_only_the_new_images_of_a_job_are_inferred(start: Start, service: ServiceHarness) -> None:
    model = Brightness()
    process = start(model)
    images = [service.image(png(n)) for n in range(40)]
    work(process, service, service.accept(images[::2]))
    mixed = service.accept(images)
    work(process, service, mixed)
    job = service.job(mixed)
    assert (job.state, job.counts.cached, model.inferred) == (JobState.SUCCEEDED, 20, 40)


def test_an_image_that_the_model_fails_on_fails_alone(
    start: Start, service: ServiceHarness
) -> None:
    def fault(images: Images) -> None:
        if any(image.shape[1] == 13 for image in images):
            raise RuntimeError("no kernel for this")

    files = [service.image(png(n)) for n in range(5)] + [service.image(png(width=13))]
    job_id = service.accept(files)
    work(start(Brightness(fault)), service, job_id)
    items = service.items(job_id)
    codes = [item.error.code if item.error else None for item in items]
    assert codes == [None] * 5 + ["model_failed"]
    assert [item.attempts for item in items] == [1] * 5 + [3]


@pytest.mark.parametrize("error", [MemoryError, SystemExit, RuntimeError, KeyboardInterrupt])
def test_a_passing_fault_of_the_model_fails_no_image(
    start: Start, service: ServiceHarness, error: type[BaseException]
) -> None:
    faults = iter([error("no room")] * 2)

    def fault(images: Images) -> None:
        # A batch, and one of its images alone. The blank image succeeds.
        if images[0].shape[0] != 64 and (raised := next(faults, None)):
            raise raised

    job_id = service.accept([service.image(png(n)) for n in range(6)])
    work(start(Brightness(fault)), service, job_id)
    assert service.job(job_id).state is JobState.SUCCEEDED
    assert next(faults, None) is None
    # An image that is the whole of its batch may meet both faults.
    assert max(item.attempts for item in service.items(job_id)) in {2, 3}


def test_an_image_that_once_took_too_long_is_tried_again(
    start: Start, service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(Brightness())
    decode_in_sandbox = Sandbox.decode
    delays = iter([DeadlineExceeded("10 s")])

    def failing(*_: object) -> None:
        raise MemoryError("no room for 150 MB")

    def slow_once(*arguments: Any) -> Any:
        if (late := next(delays, None)) is not None:
            raise late
        return decode_in_sandbox(*arguments)

    monkeypatch.setattr("worker.pipeline.fetch.decode_sniffed", failing)
    monkeypatch.setattr(Sandbox, "decode", slow_once)
    job_id = service.accept([service.image(png())])
    work(process, service, job_id)
    [item] = service.items(job_id)
    assert (item.state, item.attempts) == (ItemState.SUCCEEDED, 3)


def test_a_chunk_that_is_left_counts_the_attempts_of_its_suspects_only(
    start: Start, service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(Brightness())
    failed = threading.Event()

    def fail_first(*arguments: Any) -> Any:
        if not failed.is_set():
            failed.set()
            # Waiting interactive work makes the worker leave the chunk before the suspect runs.
            service.accept([service.image(png(99))], Lane.INTERACTIVE, messages=1)
            raise MemoryError("no room for 150 MB")
        return decode_sniffed(*arguments)

    monkeypatch.setattr("worker.pipeline.fetch.decode_sniffed", fail_first)
    job_id = service.accept([service.image(png(n)) for n in range(4)])
    process.chunks.run(job_id, Lane.BATCH)
    items = service.items(job_id)
    queued = [item for item in items if item.state is ItemState.QUEUED]
    assert sum(item.attempts for item in queued) == 1
    assert service.job(job_id).counts.running == 0


def test_an_unknown_model_fails_its_items(start: Start, service: ServiceHarness) -> None:
    job_id = service.accept([service.image(png())], model="../etc")
    work(start(Brightness()), service, job_id)
    error = service.items(job_id)[0].error
    assert error is not None
    assert error.code == "model_not_found"


def test_a_model_that_once_did_not_load_fails_no_image(
    start: Start, service: ServiceHarness
) -> None:
    faults = iter([MemoryError()])

    def load(artifact: TinyArtifact) -> Brightness:
        if artifact.name == "large" and (raised := next(faults, None)):
            raise raised
        return Brightness()

    job_id = service.accept([service.image(png())], model="large")
    work(start(models_loaded_by(load)), service, job_id)
    [item] = service.items(job_id)
    assert (item.state, item.attempts) == (ItemState.SUCCEEDED, 2)


def test_the_attempts_at_a_model_that_never_loads_run_out(
    start: Start, service: ServiceHarness
) -> None:
    def load(artifact: TinyArtifact) -> Brightness:
        if artifact.name == "large":
            raise MemoryError  # without a text
        return Brightness()

    job_id = service.accept([service.image(png(n)) for n in range(3)], model="large")
    work(start(models_loaded_by(load)), service, job_id)
    for item in service.items(job_id):
        assert item.error is not None
        assert (item.error.code, item.attempts) == ("model_not_loaded", 3)
        assert "MemoryError" in item.error.detail


def test_the_attempts_without_an_engine_run_out(
    start: Start, service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_engine(*_: object) -> None:
        raise EngineNotFound("TensorFlow is not installed here.")

    models = Brightness().models()
    process = start(models)
    monkeypatch.setattr(models, "parameters", no_engine)
    job_id = service.accept([service.image(png())])
    work(process, service, job_id)
    [item] = service.items(job_id)
    assert item.error is not None
    assert (item.error.code, item.attempts) == ("engine_not_found", 3)


def test_cancel_stops_between_micro_batches(start: Start, service: ServiceHarness) -> None:
    latch = Latch()
    model = Brightness(lambda _: latch.hold())
    process = start(model)
    job_id = service.accept([service.image(png(n)) for n in range(64)])
    size = int(service.redis.hget(f"rm:job:{job_id}", "chunk_size") or 0)
    running = threading.Thread(target=work, args=(process, service, job_id))
    running.start()
    latch.wait_until_reached()
    service.records.cancel(job_id)
    latch.release()
    running.join(20)
    counts = service.job(job_id).counts
    assert counts.canceled == 64
    # Only the images that were in progress at the cancellation were inferred.
    assert size == 4
    inferred = model.inferred
    assert inferred <= 3 * 4
    process.chunks.run(job_id, Lane.BATCH)
    assert model.inferred == inferred


def test_a_batch_chunk_yields_to_the_interactive_lane(
    start: Start, service: ServiceHarness
) -> None:
    latch = Latch()
    process = start(Brightness(lambda _: latch.hold()))
    job_id = service.accept([service.image(png(n)) for n in range(300)])
    running = threading.Thread(target=process.chunks.run, args=(job_id, Lane.BATCH))
    running.start()
    latch.wait_until_reached()
    urgent = service.accept([service.image(png(1000))], Lane.INTERACTIVE, messages=1)
    latch.release()
    running.join(20)
    job = service.job(job_id)
    # The chunk has 16 items, and 12 at most were in progress.
    assert 0 < job.counts.succeeded <= 12
    assert job.counts.running == 0
    assert service.queue.depth(Lane.BATCH) >= 1
    assert all(item.attempts == 0 for item in service.items(job_id)[12:])
    work(process, service, urgent, Lane.INTERACTIVE)


def test_an_item_with_an_unexpected_error_runs_again_alone_before_it_fails(
    start: Start, service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(Brightness())
    decoded = threading.Event()

    def no_memory(*_: object) -> None:
        if not decoded.is_set():
            decoded.set()
            raise MemoryError("no room for 150 MB")
        raise SystemExit(1)

    monkeypatch.setattr("worker.pipeline.fetch.decode_sniffed", no_memory)
    job_id = service.accept([service.image(png(n)) for n in range(3)])
    work(process, service, job_id)
    items = service.items(job_id)
    assert [item.state for item in items] == [ItemState.SUCCEEDED] * 3
    assert [item.attempts for item in items] == [2] * 3

    monkeypatch.setattr(Sandbox, "decode", no_memory)
    job_id = service.accept([service.image(png(99))])
    work(process, service, job_id)
    [item] = service.items(job_id)
    assert item.error is not None
    assert (item.error.code, item.attempts) == (ItemError.code, 3)
    assert "SystemExit" in item.error.detail


def test_an_outage_of_the_store_fails_no_item_and_costs_no_attempt(
    start: Start, service: ServiceHarness, settings: Settings
) -> None:
    latch = Latch()
    process = start(Brightness(lambda _: latch.hold()))
    job_id = service.accept([service.image(png(n)) for n in range(16)])
    running = threading.Thread(target=work, args=(process, service, job_id))
    running.start()
    latch.wait_until_reached()
    away = settings.objects_dir.with_name("away")
    settings.objects_dir.rename(away)
    # A file in place of the folder: reads and writes fail, as with a lost disk.
    settings.objects_dir.touch()
    latch.release()
    wait_until(lambda: service.job(job_id).counts.running == 0)
    assert service.job(job_id).counts.failed == 0
    settings.objects_dir.unlink()
    away.rename(settings.objects_dir)
    running.join(30)
    job = service.job(job_id)
    assert (job.state, job.counts.succeeded) == (JobState.SUCCEEDED, 16)
    # None where the mask was stored at the last moment, and found when the item was taken again.
    assert max(item.attempts for item in service.items(job_id)) == 1


def test_an_outage_of_redis_keeps_no_slots(
    start: Start, service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(Brightness())
    depth, outages = JobQueue.depth, iter([None, RecordsUnavailable("Redis does not answer.")])
    faults = iter([MemoryError("no room for 150 MB")])
    own_thread = threading.get_ident()

    def unavailable_once(queue: JobQueue, lane: Lane) -> int:
        # A chunk asks before it looks for stored masks, and again when it has its slots.
        if threading.get_ident() == own_thread and (outage := next(outages, None)) is not None:
            raise outage
        return depth(queue, lane)

    def no_memory_once(*arguments: Any) -> Any:
        if (fault := next(faults, None)) is not None:
            raise fault
        return decode_sniffed(*arguments)

    monkeypatch.setattr(JobQueue, "depth", unavailable_once)
    monkeypatch.setattr("worker.pipeline.fetch.decode_sniffed", no_memory_once)
    job_id = service.accept([service.image(png())])
    process.chunks.run(job_id, Lane.BATCH)
    assert service.job(job_id).counts.queued == 1
    # A suspect waits for all slots of its lane: one that is kept would block this thread for ever.
    threading.Thread(target=work, args=(process, service, job_id), daemon=True).start()
    wait_until(lambda: service.job(job_id).state is JobState.SUCCEEDED, 20)


def test_a_long_outage_does_not_end_the_pauses(
    start: Start, service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(Brightness())
    pauses: list[float | None] = []

    def unavailable(*_: object) -> None:
        raise RecordsUnavailable("Redis does not answer.")

    monkeypatch.setattr(Leases, "claim", unavailable)
    monkeypatch.setattr(process.chunks.stopping, "wait", pauses.append)
    for _ in range(1100):
        process.chunks.run("job", Lane.BATCH)
    assert pauses[:6] == [0.5, 1, 2, 4, 8, 10]
    assert set(pauses[5:]) == {10}
    assert service.queue.depth(Lane.BATCH) == 1100


def test_a_chunk_whose_lease_is_lost_commits_nothing(
    start: Start, service: ServiceHarness, settings: Settings
) -> None:
    latch = Latch()
    process = start(Brightness(lambda _: latch.hold()))
    job_id = service.accept([service.image(png(n)) for n in range(4)])
    running = threading.Thread(target=process.chunks.run, args=(job_id, Lane.BATCH))
    running.start()
    latch.wait_until_reached()
    # As if the process had been suspended for longer than its lease.
    service.redis.hset(f"rm:job:{job_id}:tokens", mapping={"0": "999 another"})
    latch.release()
    running.join(20)
    assert service.job(job_id).counts.succeeded == 0


def test_a_worker_is_registered_while_it_consumes(start: Start, service: ServiceHarness) -> None:
    process = start(Brightness())
    workers = WorkerRegistry(service.redis)
    assert workers.list_live() == []
    process.consumption.polled(Lane.BATCH)
    [status] = wait_until(workers.list_live)
    assert status.consuming == ("batch",)
    assert status.model == "brightness@1"
    process.stop()
    assert workers.list_live() == []
