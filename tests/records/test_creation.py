"""A job is accepted once, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from roadmask.errors import IdempotencyConflict, InvalidRequest, QueueFull, RecordsUnavailable
from roadmask.jobs import JobState, Lane
from storage.job_files import chunk_size
from storage.manifest import PART, ManifestItem
from tests.records.hands import Hands, image, request


def test_a_new_job_waits_with_all_its_items(hands: Hands) -> None:
    job, replayed = hands.records.create(
        request(40, name="nightly", model="m"), (image(n) for n in range(40)), None
    )
    assert not replayed
    assert (job.state, job.lane, job.name, job.model) == ("queued", Lane.BATCH, "nightly", "m")
    assert (job.counts.total, job.counts.queued, job.progress) == (40, 40, 0)
    assert (job.queue_position, job.images_per_second, job.eta_seconds) == (0, None, None)
    assert hands.items(job.id)[39].custom_id == "c39"
    assert [kind for kind, _ in hands.events(job.id)] == ["job"]


def test_few_images_are_interactive_unless_the_request_says_otherwise(hands: Hands) -> None:
    assert hands.job(hands.accept(8)).lane is Lane.INTERACTIVE
    assert hands.job(hands.accept(9)).lane is Lane.BATCH
    assert hands.job(hands.accept(1, Lane.BATCH)).lane is Lane.BATCH


def test_a_job_of_few_images_is_one_object(hands: Hands) -> None:
    few, more = hands.accept(8), hands.accept(9)
    assert list(hands.store.keys(f"jobs/{few}/")) == [f"jobs/{few}/job.json"]
    assert len(list(hands.store.keys(f"jobs/{more}/"))) == 2
    assert [item.image_id for item in hands.items(few)] == [image(n).image for n in range(8)]


@pytest.mark.parametrize(
    ("total", "size"), [(1, 1), (31, 1), (32, 2), (600, 32), (1024, 64), (1_000_000, 64)]
)
def test_chunks_are_small_enough_to_share_and_lie_within_a_part(total: int, size: int) -> None:
    assert chunk_size(total) == size
    assert PART % size == 0


def test_a_job_of_nothing_is_refused_and_leaves_nothing(hands: Hands) -> None:
    with pytest.raises(InvalidRequest, match="no image"):
        hands.records.create(request(0), [], "key")
    assert list(hands.store.keys("jobs/")) == []
    assert list(hands.redis.scan_iter("rm:*")) == []


def test_a_full_queue_refuses_and_leaves_nothing(hands: Hands) -> None:
    tight = Hands.of(hands.settings.model_copy(update={"max_open_items": 10}))
    first = tight.accept(10)
    with pytest.raises(QueueFull, match="more than 10 would be waiting"):
        tight.accept(1)
    assert {key.split("/")[1] for key in tight.store.keys("jobs/")} == {first}
    assert [job.id for job in tight.records.page(None, 10).jobs] == [first]
    tight.work(first)
    assert tight.job(tight.accept(10)).state is JobState.QUEUED


def test_the_same_key_and_request_is_the_same_job(hands: Hands) -> None:
    first, _ = hands.records.create(request(3), map(image, range(3)), "key")
    again, replayed = hands.records.create(request(3), map(image, range(3)), "key")
    assert replayed
    assert again.id == first.id
    assert {key.split("/")[1] for key in hands.store.keys("jobs/")} == {first.id}


def test_the_same_key_with_another_request_is_a_conflict(hands: Hands) -> None:
    first, _ = hands.records.create(request(3), map(image, range(3)), "key")
    with pytest.raises(IdempotencyConflict, match="another request"):
        hands.records.create(request(4), map(image, range(4)), "key")
    assert [job.id for job in hands.records.page(None, 10).jobs] == [first.id]


def test_of_requests_that_race_with_one_key_one_makes_the_job(hands: Hands) -> None:
    def create(_: int) -> tuple[str, bool]:
        job, replayed = hands.records.create(request(200), map(image, range(200)), "key")
        return job.id, replayed

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(create, range(8)))
    assert len({job_id for job_id, _ in answers}) == 1
    assert sorted(replayed for _, replayed in answers) == [False] + [True] * 7
    assert len(hands.records.page(None, 10).jobs) == 1
    assert {key.split("/")[1] for key in hands.store.keys("jobs/")} == {answers[0][0]}


def test_an_api_that_died_before_the_record_does_not_use_up_the_key(hands: Hands) -> None:
    def dying() -> Iterator[ManifestItem]:
        yield image(0)
        raise SystemExit

    with pytest.raises(SystemExit):
        hands.records.create(request(2), dying(), "key")
    job, replayed = hands.records.create(request(2), map(image, range(2)), "key")
    assert not replayed
    assert job.counts.total == 2


def test_a_key_is_not_trusted_while_an_emptied_redis_waits_for_its_records(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("storage.job_keys.time.time_ns", lambda: 1_700_000_000 * 10**9)
        first, _ = hands.records.create(request(3), map(image, range(3)), "key")
    hands.redis.flushall()
    with pytest.raises(RecordsUnavailable, match="being rebuilt"):
        hands.records.create(request(3), map(image, range(3)), "key")
    hands.recovery.run()
    again, replayed = hands.records.create(request(3), map(image, range(3)), "key")
    assert (again.id, replayed) == (first.id, True)
