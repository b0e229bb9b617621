"""Many clients follow a job: by reading, by waiting, by its events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import pytest
from redis.exceptions import ResponseError

from roadmask.errors import InvalidRequest, JobNotFound, RecordsUnavailable, RecordUnreadable
from roadmask.schemas.events import Event
from roadmask.schemas.jobs import Job, JobState
from storage.backends import open_watcher
from storage.jobs.keys import events_key
from storage.jobs.watching import throttle
from storage.jobs.watching import watcher as watching
from storage.jobs.watching.watcher import JobWatcher
from tests.harness.storage.records_harness import RecordsHarness

T = TypeVar("T")
NOBODY = "01a20517-51a0-7740-a1f6-70ed3b827a06"


def watched(harness: RecordsHarness, act: Callable[[JobWatcher], Awaitable[T]]) -> T:
    """Run something with a watcher in an event loop of its own."""

    async def run() -> T:
        watch = open_watcher(harness.settings, harness.store)
        try:
            return await act(watch)
        finally:
            await watch.close()

    return asyncio.run(run())


def script_calls(harness: RecordsHarness) -> int:
    return int(harness.redis.info("commandstats")["cmdstat_evalsha"]["calls"])


async def collect(events: AsyncIterator[list[Event]]) -> list[Event]:
    return [event async for batch in events for event in batch]


async def next_event(events: AsyncIterator[list[Event]]) -> Event:
    """The one event that happened since the last read."""
    [event] = await anext(events)
    return event


def test_both_readers_see_the_same_job(harness: RecordsHarness) -> None:
    job_id = harness.accept(40)
    harness.work(job_id, damaged=[1])
    assert watched(harness, lambda watch: watch.read(job_id)) == harness.job(job_id)


def test_a_damaged_record_is_not_the_error_of_those_who_read_at_the_same_time(
    harness: RecordsHarness,
) -> None:
    typed, damaged, open_job, ended = (harness.accept(4) for _ in range(4))
    harness.work(ended)
    harness.redis.delete(f"rm:job:{typed}")
    harness.redis.lpush(f"rm:job:{typed}", "x")
    harness.redis.hset(f"rm:job:{damaged}", "created", 10**30)

    async def read(watch: JobWatcher) -> list[Job | BaseException]:
        ids = (typed, damaged, open_job, ended)
        return await asyncio.gather(*map(watch.read, ids), return_exceptions=True)

    first, second, *good = watched(harness, read)
    assert isinstance(first, ResponseError)
    assert isinstance(second, RecordUnreadable)
    assert [getattr(job, "state", job) for job in good] == [JobState.QUEUED, JobState.SUCCEEDED]
    harness.redis.delete(f"rm:job:{typed}")


@pytest.mark.parametrize("job_id", [NOBODY, "nope"])
def test_an_unknown_job_is_not_found(harness: RecordsHarness, job_id: str) -> None:
    with pytest.raises(JobNotFound):
        watched(harness, lambda watch: watch.read(job_id))
    with pytest.raises(JobNotFound):
        watched(harness, lambda watch: watch.wait(job_id, 5))
    with pytest.raises(JobNotFound):
        watched(harness, lambda watch: watch.ends(job_id, 0.1))
    with pytest.raises(JobNotFound):
        watched(harness, lambda watch: collect(watch.events(job_id)))


def test_the_end_of_a_small_job_is_known_without_its_status(harness: RecordsHarness) -> None:
    ended, retried, open_job = (harness.accept(2) for _ in range(3))
    harness.work(ended)
    harness.work(retried, damaged=[1])
    harness.records.retry(retried)
    before = script_calls(harness)
    assert watched(harness, lambda watch: watch.ends(ended, 5))
    assert script_calls(harness) == before
    assert not watched(harness, lambda watch: watch.ends(retried, 0.1))

    async def end(watch: JobWatcher) -> list[bool]:
        work = asyncio.create_task(asyncio.to_thread(harness.work, open_job))
        ends = await asyncio.gather(*(watch.ends(open_job, 5) for _ in range(2)))
        await work
        return ends

    assert watched(harness, end) == [True, True]


def test_a_job_that_ended_without_events_has_ended(harness: RecordsHarness) -> None:
    job_id = harness.accept(1)
    harness.work(job_id)
    harness.redis.delete(events_key(job_id))
    assert watched(harness, lambda watch: watch.ends(job_id, 0.1))


def test_a_job_that_waits_to_be_rebuilt_is_not_unknown(harness: RecordsHarness) -> None:
    job_id = harness.accept(1)
    harness.redis.flushall()
    with pytest.raises(RecordsUnavailable, match="being rebuilt"):
        watched(harness, lambda watch: watch.read(job_id))


def test_without_redis_a_watch_says_so(harness: RecordsHarness) -> None:
    job_id = harness.accept(1)
    nowhere = harness.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    with pytest.raises(RecordsUnavailable):
        asyncio.run(open_watcher(nowhere, harness.store).read(job_id))


def test_waiting_ends_with_the_job(harness: RecordsHarness) -> None:
    job_id = harness.accept(40)

    async def wait(watch: JobWatcher) -> JobState:
        # An hour: the end of the job has to end the wait.
        waiting = asyncio.create_task(watch.wait(job_id, 3600))
        await asyncio.to_thread(harness.work, job_id)
        return (await waiting).state

    assert watched(harness, wait) is JobState.SUCCEEDED


def test_many_wait_for_one_job_on_a_few_connections(harness: RecordsHarness) -> None:
    job_id = harness.accept(1)

    async def wait(watch: JobWatcher) -> tuple[list[Job], list[list[Event]], int]:
        waiting = asyncio.gather(*(watch.wait(job_id, 60) for _ in range(150)))
        following = asyncio.gather(*(collect(watch.events(job_id)) for _ in range(150)))
        await asyncio.sleep(0)
        await asyncio.to_thread(harness.work, job_id)
        jobs, told = await waiting, await following
        connected = [client["name"] for client in harness.redis.client_list()]
        return jobs, told, connected.count("roadmask-watch")

    jobs, told, connections = watched(harness, wait)
    assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    assert {events[-1].data["state"] for events in told} == {"succeeded"}
    assert connections < 10


def test_jobs_read_at_once_are_each_answered_in_a_few_calls(harness: RecordsHarness) -> None:
    ids = [harness.accept(size) for size in range(1, 41)]

    async def read(watch: JobWatcher) -> tuple[list[Job | BaseException], int]:
        before = script_calls(harness)
        wanted = [*ids[:20], NOBODY, *ids[20:]]
        reads = (watch.read(job_id) for job_id in wanted)
        jobs = await asyncio.gather(*reads, return_exceptions=True)
        return jobs, script_calls(harness) - before

    jobs, calls = watched(harness, read)
    assert isinstance(jobs.pop(20), JobNotFound)
    assert jobs == [harness.job(job_id) for job_id in ids]
    assert calls < 10


def test_a_read_sees_what_happened_before_it_while_another_is_under_way(
    harness: RecordsHarness,
) -> None:
    job_id = harness.accept(1)

    async def read(watch: JobWatcher) -> list[JobState]:
        await watch.read(job_id)
        before = script_calls(harness)
        first = asyncio.create_task(watch.read(job_id))
        while script_calls(harness) == before:
            await asyncio.sleep(0)
        # Redis has answered; while this loop stands still, nobody has taken the answer.
        harness.records.cancel(job_id)
        second = asyncio.create_task(watch.read(job_id))
        return [(await reading).state for reading in (first, second)]

    assert watched(harness, read) == [JobState.QUEUED, JobState.CANCELED]


def test_waiting_ends_with_the_time(harness: RecordsHarness) -> None:
    job_id = harness.accept(1)
    assert watched(harness, lambda watch: watch.wait(job_id, 0.1)).state is JobState.QUEUED
    assert watched(harness, lambda watch: watch.wait(job_id, 0)).state is JobState.QUEUED


def test_the_end_of_the_last_item_is_told_at_once(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "PAUSE_S", 60)
    job_id = harness.accept(1)

    async def follow(watch: JobWatcher) -> JobState:
        waiting = asyncio.create_task(watch.wait(job_id, 60))
        events = watch.events(job_id)
        assert (await next_event(events)).data["state"] == "queued"
        claim = await asyncio.to_thread(harness.begin, job_id)
        assert (await next_event(events)).data["state"] == "running"
        following = asyncio.create_task(collect(events))
        await asyncio.to_thread(harness.succeed, claim, 0)
        assert [event.type for event in await asyncio.wait_for(following, 20)] == ["item", "job"]
        return (await asyncio.wait_for(waiting, 20)).state

    assert watched(harness, follow) is JobState.SUCCEEDED


def test_events_begin_with_the_job_and_end_with_its_end(harness: RecordsHarness) -> None:
    job_id = harness.accept(20)
    harness.work(job_id, chunks=5)

    async def follow(watch: JobWatcher) -> list[Event]:
        events = watch.events(job_id)
        first = await next_event(events)
        await asyncio.to_thread(harness.work, job_id, [19])
        return [first, *await collect(events)]

    first, *items, last = watched(harness, follow)
    assert (first.type, first.data["state"], first.data["counts"]["succeeded"]) == (
        "job",
        "running",
        5,
    )
    assert [event.data["index"] for event in items] == list(range(5, 20))
    assert items[-1].data == {
        "index": 19,
        "image_id": "scenes/000019",
        "custom_id": "c19",
        "state": "failed",
        "error": "image_unreadable",
        "cached": False,
    }
    assert (last.type, last.data["state"]) == ("job", "completed_with_errors")
    assert last.data["counts"] == harness.job(job_id).counts.model_dump()


def test_a_lost_connection_goes_on_after_the_last_event(harness: RecordsHarness) -> None:
    job_id = harness.accept(30)
    harness.work(job_id)
    told = watched(harness, lambda watch: collect(watch.events(job_id, "0")))
    assert [event.data["index"] for event in told if event.type == "item"] == list(range(30))
    middle = told[11]
    rest = watched(harness, lambda watch: collect(watch.events(job_id, middle.id)))
    assert rest == told[12:]
    (end,) = watched(harness, lambda watch: collect(watch.events(job_id, told[-1].id)))
    assert end == told[-1]
    (now,) = watched(harness, lambda watch: collect(watch.events(job_id)))
    assert now == told[-1]


def test_events_that_happened_together_are_told_together(harness: RecordsHarness) -> None:
    job_id = harness.accept(30)
    harness.work(job_id)

    async def follow(watch: JobWatcher) -> list[list[Event]]:
        return [batch async for batch in watch.events(job_id, "0")]

    [told] = watched(harness, follow)
    assert [event.type for event in told].count("item") == 30
    assert told[-1].is_last


def test_an_end_that_a_retry_undid_is_not_told_as_one(harness: RecordsHarness) -> None:
    job_id = harness.accept(3)
    harness.work(job_id, damaged=[1])
    harness.records.retry(job_id)
    harness.work(job_id)
    told = watched(harness, lambda watch: collect(watch.events(job_id, "0")))
    assert [event.is_last for event in told] == [False] * (len(told) - 1) + [True]
    assert [e.data["index"] for e in told if e.type == "item"] == [0, 1, 2, 1]
    assert told[-1].data["state"] == "succeeded"


def test_a_silent_stream_tells_that_it_lives(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PING_S", 0.05)
    job_id = harness.accept(1)

    async def follow(watch: JobWatcher) -> list[Event]:
        events = watch.events(job_id)
        return [await next_event(events) for _ in range(3)]

    first, *pings = watched(harness, follow)
    assert [ping.type for ping in pings] == ["ping", "ping"]
    assert {ping.id for ping in pings} == {first.id}


@pytest.mark.parametrize("last_id", ["x", "-", "1-2-3", "1\r\n", ""])
def test_an_event_id_that_is_none_is_told(harness: RecordsHarness, last_id: str) -> None:
    job_id = harness.accept(1)
    with pytest.raises(InvalidRequest, match="not the id of an event"):
        watched(harness, lambda watch: collect(watch.events(job_id, last_id)))


def test_the_events_of_a_huge_job_do_not_pile_up(harness: RecordsHarness) -> None:
    key = f"rm:job:{(job_id := harness.accept(4500))}:events"
    harness.work(job_id)
    assert 4096 <= harness.redis.xlen(key) < 4300
