"""A job is accepted once, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from roadmask.errors import IdempotencyConflict, InvalidRequest, QueueFull, RecordsUnavailable
from roadmask.schemas.jobs import JobState, Lane
from storage.jobs.job_file import chunk_size
from storage.jobs.keys import WAITING
from storage.jobs.manifest import PART, ManifestItem
from storage.queue import lane_key
from tests.harness.storage.records_harness import RecordsHarness, manifest_item, request


def test_a_new_job_waits_with_all_its_items(harness: RecordsHarness) -> None:
    job, replayed = harness.records.create(
        request(40, name="nightly", model="m"), (manifest_item(n) for n in range(40)), None
    )
    assert not replayed
    assert (job.state, job.lane, job.name, job.model) == ("queued", Lane.BATCH, "nightly", "m")
    assert (job.counts.total, job.counts.queued, job.progress) == (40, 40, 0)
    assert (job.queue_position, job.images_per_second, job.eta_seconds) == (0, None, None)
    assert harness.items(job.id)[39].custom_id == "c39"
    assert [kind for kind, _ in harness.events(job.id)] == ["job"]


@pytest.mark.parametrize(("total", "messages"), [(1, 1), (3, 3), (40, 8)])
def test_a_new_job_brings_its_first_messages(
    harness: RecordsHarness, total: int, messages: int
) -> None:
    items = list(map(manifest_item, range(total)))
    job, _ = harness.records.create(request(total), items, "key", messages=8)
    again, replayed = harness.records.create(request(total), items, "key", messages=8)
    assert (again.id, replayed) == (job.id, True)
    assert harness.queue.depth(job.lane) == messages
    assert {harness.queue.take(job.lane, 0.1) for _ in range(messages)} == {job.id}


def test_a_job_is_accepted_although_its_queue_is_damaged(harness: RecordsHarness) -> None:
    harness.redis.set(lane_key(Lane.INTERACTIVE), "no list")
    job, _ = harness.records.create(request(1), [manifest_item(0)], None, messages=8)
    assert harness.job(job.id) == job


def test_few_images_are_interactive_unless_the_request_says_otherwise(
    harness: RecordsHarness,
) -> None:
    assert harness.job(harness.accept(8)).lane is Lane.INTERACTIVE
    assert harness.job(harness.accept(9)).lane is Lane.BATCH
    assert harness.job(harness.accept(1, Lane.BATCH)).lane is Lane.BATCH


def test_a_job_of_few_images_is_one_object(harness: RecordsHarness) -> None:
    few, more = harness.accept(8), harness.accept(9)
    assert list(harness.store.keys(f"jobs/{few}/")) == [f"jobs/{few}/job.json"]
    assert len(list(harness.store.keys(f"jobs/{more}/"))) == 2
    assert [item.image_id for item in harness.items(few)] == [
        manifest_item(n).image for n in range(8)
    ]


@pytest.mark.parametrize(
    ("total", "size"), [(1, 1), (31, 1), (32, 2), (600, 32), (1024, 64), (1_000_000, 64)]
)
def test_chunks_are_small_enough_to_share_and_lie_within_a_part(total: int, size: int) -> None:
    assert chunk_size(total) == size
    assert PART % size == 0


def test_a_job_of_nothing_is_refused_and_leaves_nothing(harness: RecordsHarness) -> None:
    with pytest.raises(InvalidRequest, match="no image"):
        harness.records.create(request(0), [], "key")
    assert list(harness.store.keys("jobs/")) == []
    assert list(harness.redis.scan_iter("rm:*")) == []


def test_a_full_queue_refuses_and_leaves_nothing(harness: RecordsHarness) -> None:
    tight = harness.another(max_open_items=10)
    first = tight.accept(9, Lane.BATCH)
    with pytest.raises(QueueFull, match="over its limit of 10 open items"):
        tight.accept(2, Lane.BATCH)
    tight.redis.hset(WAITING, Lane.BATCH, 10)
    with pytest.raises(QueueFull, match="is full: it has 1 open jobs with 10 open items"):
        tight.accept(1, Lane.BATCH)
    tight.redis.hset(WAITING, Lane.BATCH, 9)
    assert {key.split("/")[1] for key in tight.store.keys("jobs/")} == {first}
    assert [job.id for job in tight.records.page(None, 10).jobs] == [first]
    # Each lane has room of its own.
    tight.work(tight.accept(10, Lane.INTERACTIVE))
    tight.work(first)
    assert tight.job(tight.accept(10, Lane.BATCH)).state is JobState.QUEUED


def test_a_lane_takes_so_many_jobs(harness: RecordsHarness) -> None:
    tight = harness.another(max_open_jobs=2)
    first = tight.accept(1, Lane.BATCH)
    tight.accept(1, Lane.BATCH)
    with pytest.raises(QueueFull, match="The lane batch is full: it has 2 open jobs"):
        tight.accept(1, Lane.BATCH)
    tight.accept(1, Lane.INTERACTIVE)
    tight.work(first)
    tight.accept(1, Lane.BATCH)


def test_a_full_queue_still_answers_what_it_accepted(harness: RecordsHarness) -> None:
    tight = harness.another(max_open_jobs=1)
    first, _ = tight.records.create(request(1), [manifest_item(0)], "key")
    again, replayed = tight.records.create(request(1), [manifest_item(0)], "key")
    assert (again.id, replayed) == (first.id, True)
    with pytest.raises(QueueFull):
        tight.records.create(request(1), [manifest_item(0)], "another key")


def test_the_same_key_and_request_is_the_same_job(harness: RecordsHarness) -> None:
    first, _ = harness.records.create(request(3), map(manifest_item, range(3)), "key")
    again, replayed = harness.records.create(request(3), map(manifest_item, range(3)), "key")
    assert replayed
    assert again.id == first.id
    assert {key.split("/")[1] for key in harness.store.keys("jobs/")} == {first.id}


def test_the_same_key_with_another_request_is_a_conflict(harness: RecordsHarness) -> None:
    first, _ = harness.records.create(request(3), map(manifest_item, range(3)), "key")
    with pytest.raises(IdempotencyConflict, match="Another request"):
        harness.records.create(request(4), map(manifest_item, range(4)), "key")
    assert [job.id for job in harness.records.page(None, 10).jobs] == [first.id]


def test_of_requests_that_race_with_one_key_one_makes_the_job(harness: RecordsHarness) -> None:
    def create(_: int) -> tuple[str, bool]:
        job, replayed = harness.records.create(request(200), map(manifest_item, range(200)), "key")
        return job.id, replayed

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(create, range(8)))
    assert len({job_id for job_id, _ in answers}) == 1
    assert sorted(replayed for _, replayed in answers) == [False] + [True] * 7
    assert len(harness.records.page(None, 10).jobs) == 1
    assert {key.split("/")[1] for key in harness.store.keys("jobs/")} == {answers[0][0]}


def test_an_api_that_dies_before_the_record_leaves_the_key_free(
    harness: RecordsHarness,
) -> None:
    def dying() -> Iterator[ManifestItem]:
        yield manifest_item(0)
        raise SystemExit

    with pytest.raises(SystemExit):
        harness.records.create(request(2), dying(), "key")
    job, replayed = harness.records.create(request(2), map(manifest_item, range(2)), "key")
    assert not replayed
    assert job.counts.total == 2


def test_a_key_is_not_trusted_while_an_emptied_redis_waits_for_its_records(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        clock = SimpleNamespace(time_ns=lambda: 1_700_000_000 * 10**9)
        earlier.setattr("storage.jobs.keys.time", clock)
        first, _ = harness.records.create(request(3), map(manifest_item, range(3)), "key")
    harness.redis.flushall()
    with pytest.raises(RecordsUnavailable, match="being rebuilt"):
        harness.records.create(request(3), map(manifest_item, range(3)), "key")
    harness.reconciler.run()
    again, replayed = harness.records.create(request(3), map(manifest_item, range(3)), "key")
    assert (again.id, replayed) == (first.id, True)
