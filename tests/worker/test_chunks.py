"""A worker's work on a job, in one process: what ends, what is tried again, what makes way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from roadmask.errors import ItemError
from roadmask.jobs import FINAL_STATES, ItemState, JobState, Lane
from roadmask.masks import encode_mask
from roadmask.pixels import decode
from roadmask.settings import Settings
from storage.roll import Roll
from tests.waiting import wait_until
from tests.worker.brightness import Brightness, Images, segment
from tests.worker.desk import Desk
from tests.worker.gates import Gate
from tests.worker.pictures import BAD, GOOD, png
from worker.station import Station

Start = Callable[[Brightness], Station]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"lease_s": 2.0, "max_batch": 4})


@pytest.fixture
def desk(settings: Settings, redis: Redis) -> Desk:
    return Desk.open(settings)


@pytest.fixture
def start(settings: Settings, desk: Desk) -> Iterator[Start]:
    """Start a station with a model; all are stopped in the end."""
    stations: list[Station] = []

    def start_one(model: Brightness) -> Station:
        station = Station(settings, model.models(), frozenset(Lane))
        station.start()
        stations.append(station)
        return station

    yield start_one
    for station in stations:
        station.stop()


def work(station: Station, desk: Desk, job_id: str, lane: Lane = Lane.BATCH) -> None:
    """Work on the job until it has nothing more to claim."""
    with ThreadPoolExecutor(4) as threads:
        while desk.job(job_id).state not in FINAL_STATES:
            list(threads.map(lambda _: station.chunks.work(job_id, lane), range(4)))


def test_a_job_of_good_and_bad_images_ends_with_the_cause_of_each(start: Start, desk: Desk) -> None:
    station = start(Brightness())
    causes = [None] * len(GOOD) + [code for _, code in BAD.values()]
    files = [*GOOD.values(), *(data for data, _ in BAD.values())]
    job_id = desk.accept([desk.image(data) for data in files])
    work(station, desk, job_id)
    items = desk.items(job_id)
    assert [item.error.code if item.error else None for item in items] == causes
    assert all(item.attempts == 1 for item in items)
    job = desk.job(job_id)
    assert job.state is JobState.COMPLETED_WITH_ERRORS
    assert (job.counts.succeeded, job.counts.failed) == (len(GOOD), len(BAD))


def test_scores_are_pooled_over_the_job(start: Start, desk: Desk) -> None:
    truths = [encode_mask(segment(decode(png(n), 10**6))) for n in range(3)]
    job_id = desk.accept([desk.image(png(n), truth) for n, truth in enumerate(truths)])
    work(start(Brightness()), desk, job_id)
    scores = desk.job(job_id).scores
    assert scores is not None
    assert (scores.images, scores.accuracy) == (3, 1.0)


def test_a_second_job_over_the_same_images_infers_nothing(start: Start, desk: Desk) -> None:
    model = Brightness()
    station = start(model)
    images = [desk.image(png(n)) for n in range(6)]
    work(station, desk, desk.accept(images))
    again = desk.accept([*images, *images])
    work(station, desk, again)
    assert model.inferred == 6
    assert desk.job(again).counts.cached == 12


def test_one_message_is_enough_for_all_masks_that_are_there(start: Start, desk: Desk) -> None:
    station = start(Brightness())
    images = [desk.image(png(n), encode_mask(segment(decode(png(n), 10**6)))) for n in range(40)]
    work(station, desk, desk.accept(images))
    again = desk.accept(images)
    station.chunks.work(again, Lane.BATCH)
    job = desk.job(again)
    assert (job.state, job.counts.cached) == (JobState.SUCCEEDED, 40)
    assert job.scores is not None
    assert job.scores.images == 40
    assert {item.attempts for item in desk.items(again)} == {0}, "nothing was decoded"


def test_what_is_new_among_known_images_is_inferred(start: Start, desk: Desk) -> None:
    model = Brightness()
    station = start(model)
    images = [desk.image(png(n)) for n in range(40)]
    work(station, desk, desk.accept(images[::2]))
    mixed = desk.accept(images)
    work(station, desk, mixed)
    job = desk.job(mixed)
    assert (job.state, job.counts.cached, model.inferred) == (JobState.SUCCEEDED, 20, 40)


def test_only_the_image_the_model_fails_on_fails(start: Start, desk: Desk) -> None:
    def fault(images: Images) -> None:
        if any(image.shape[1] == 13 for image in images):
            raise RuntimeError("no kernel for this")

    items = [desk.image(png(n)) for n in range(5)] + [desk.image(png(width=13))]
    job_id = desk.accept(items)
    work(start(Brightness(fault)), desk, job_id)
    codes = [item.error.code if item.error else None for item in desk.items(job_id)]
    assert codes == [None] * 5 + ["model_failed"]


def test_an_unknown_model_fails_the_items_by_name(start: Start, desk: Desk) -> None:
    job_id = desk.accept([desk.image(png())], model="../etc")
    work(start(Brightness()), desk, job_id)
    error = desk.items(job_id)[0].error
    assert error is not None
    assert error.code == "model_not_found"


def test_cancel_stops_between_micro_batches(start: Start, desk: Desk) -> None:
    gate = Gate()
    model = Brightness(lambda _: gate.pass_through())
    station = start(model)
    job_id = desk.accept([desk.image(png(n)) for n in range(64)])
    size = int(desk.redis.hget(f"rm:job:{job_id}", "chunk_size") or 0)
    running = threading.Thread(target=work, args=(station, desk, job_id))
    running.start()
    gate.wait_for_arrival()
    desk.records.cancel(job_id)
    gate.open()
    running.join(20)
    counts = desk.job(job_id).counts
    assert counts.canceled == 64
    # What was in hand when the job was canceled is all that was ever inferred.
    assert size == 4
    inferred = model.inferred
    assert inferred <= 3 * 4
    station.chunks.work(job_id, Lane.BATCH)
    assert model.inferred == inferred


def test_a_batch_chunk_makes_way_for_the_interactive_lane(start: Start, desk: Desk) -> None:
    gate = Gate()
    station = start(Brightness(lambda _: gate.pass_through()))
    job_id = desk.accept([desk.image(png(n)) for n in range(300)])
    running = threading.Thread(target=station.chunks.work, args=(job_id, Lane.BATCH))
    running.start()
    gate.wait_for_arrival()
    urgent = desk.accept([desk.image(png(1000))], Lane.INTERACTIVE, messages=1)
    gate.open()
    running.join(20)
    job = desk.job(job_id)
    # The chunk has 16 items; twelve at most were in hand.
    assert 0 < job.counts.succeeded <= 12
    assert job.counts.running == 0
    assert desk.dispatch.depth(Lane.BATCH) >= 1
    assert all(item.attempts == 0 for item in desk.items(job_id)[12:])
    work(station, desk, urgent, Lane.INTERACTIVE)


def test_something_unforeseen_is_tried_again_alone_before_the_item_is_blamed(
    start: Start, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = start(Brightness())
    decoded = threading.Event()

    def no_memory(*_: object) -> None:
        if not decoded.is_set():
            decoded.set()
            raise MemoryError("no room for 150 MB")
        raise SystemExit(1)

    monkeypatch.setattr("worker.fetch.decode_sniffed", no_memory)
    monkeypatch.setattr("worker.fetch.decode_apart", lambda data, pixels, *_: decode(data, pixels))
    job_id = desk.accept([desk.image(png(n)) for n in range(3)])
    work(station, desk, job_id)
    items = desk.items(job_id)
    assert [item.state for item in items] == [ItemState.SUCCEEDED] * 3
    assert [item.attempts for item in items] == [2] * 3

    monkeypatch.setattr("worker.fetch.decode_apart", no_memory)
    job_id = desk.accept([desk.image(png(99))])
    work(station, desk, job_id)
    error = desk.items(job_id)[0].error
    assert error is not None
    assert error.code == ItemError.code
    assert "SystemExit" in error.detail


def test_an_outage_of_the_store_fails_no_item_and_costs_no_attempt(
    start: Start, desk: Desk, settings: Settings
) -> None:
    gate = Gate()
    station = start(Brightness(lambda _: gate.pass_through()))
    job_id = desk.accept([desk.image(png(n)) for n in range(16)])
    running = threading.Thread(target=work, args=(station, desk, job_id))
    running.start()
    gate.wait_for_arrival()
    away = settings.objects_dir.with_name("away")
    settings.objects_dir.rename(away)
    # A file where the folder was: nothing can be read or written, as with a lost disk.
    settings.objects_dir.touch()
    gate.open()
    wait_until(lambda: desk.job(job_id).counts.running == 0)
    assert desk.job(job_id).counts.failed == 0
    settings.objects_dir.unlink()
    away.rename(settings.objects_dir)
    running.join(30)
    job = desk.job(job_id)
    assert (job.state, job.counts.succeeded) == (JobState.SUCCEEDED, 16)
    assert {item.attempts for item in desk.items(job_id)} == {1}


def test_a_chunk_whose_lease_was_lost_changes_nothing_any_more(
    start: Start, desk: Desk, settings: Settings
) -> None:
    gate = Gate()
    station = start(Brightness(lambda _: gate.pass_through()))
    job_id = desk.accept([desk.image(png(n)) for n in range(4)])
    running = threading.Thread(target=station.chunks.work, args=(job_id, Lane.BATCH))
    running.start()
    gate.wait_for_arrival()
    # As after a stop of the whole process for longer than a lease.
    desk.redis.hset(f"rm:job:{job_id}:tokens", mapping={"0": "999 another"})
    gate.open()
    running.join(20)
    assert desk.job(job_id).counts.succeeded == 0


def test_a_worker_shows_itself_while_it_lives(start: Start, desk: Desk) -> None:
    station = start(Brightness())
    roll = Roll(desk.redis)
    [told] = wait_until(roll.alive)
    assert told["model"] == "brightness@1"
    station.stop()
    assert roll.alive() == []
