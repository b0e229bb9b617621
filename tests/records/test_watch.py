"""Many clients follow a job: by reading, by waiting, by its events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import pytest

from roadmask.errors import InvalidRequest, JobNotFound, RecordsUnavailable
from roadmask.event import Event
from roadmask.jobs import Job, JobState
from storage import rhythm
from storage import watch as watching
from storage.watch import Watch
from tests.records.hands import Hands

T = TypeVar("T")
NOBODY = "01a20517-51a0-7740-a1f6-70ed3b827a06"


def watched(hands: Hands, act: Callable[[Watch], Awaitable[T]]) -> T:
    """Run something with a Watch in an event loop of its own."""

    async def run() -> T:
        watch = Watch(hands.settings)
        try:
            return await act(watch)
        finally:
            await watch.close()

    return asyncio.run(run())


def script_calls(hands: Hands) -> int:
    return int(hands.redis.info("commandstats")["cmdstat_evalsha"]["calls"])


async def collect(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


def test_both_readers_see_the_same_job(hands: Hands) -> None:
    job_id = hands.accept(40)
    hands.work(job_id, damaged=[1])
    assert watched(hands, lambda watch: watch.read(job_id)) == hands.job(job_id)


@pytest.mark.parametrize("job_id", [NOBODY, "nope"])
def test_an_unknown_job_is_not_found(hands: Hands, job_id: str) -> None:
    with pytest.raises(JobNotFound):
        watched(hands, lambda watch: watch.read(job_id))
    with pytest.raises(JobNotFound):
        watched(hands, lambda watch: watch.wait(job_id, 5))
    with pytest.raises(JobNotFound):
        watched(hands, lambda watch: collect(watch.events(job_id)))


def test_a_job_that_waits_to_be_rebuilt_is_not_unknown(hands: Hands) -> None:
    job_id = hands.accept(1)
    hands.redis.flushall()
    with pytest.raises(RecordsUnavailable, match="being rebuilt"):
        watched(hands, lambda watch: watch.read(job_id))


def test_without_redis_a_watch_says_so(hands: Hands) -> None:
    job_id = hands.accept(1)
    nowhere = hands.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    with pytest.raises(RecordsUnavailable):
        asyncio.run(Watch(nowhere).read(job_id))


def test_waiting_ends_with_the_job(hands: Hands) -> None:
    job_id = hands.accept(40)

    async def wait(watch: Watch) -> tuple[JobState, float]:
        began = time.monotonic()
        waiting = asyncio.create_task(watch.wait(job_id, 60))
        await asyncio.to_thread(hands.work, job_id)
        return (await waiting).state, time.monotonic() - began

    state, seconds = watched(hands, wait)
    assert state is JobState.SUCCEEDED
    assert seconds < 30


def test_many_wait_for_one_job_on_a_few_connections(hands: Hands) -> None:
    job_id = hands.accept(1)

    async def wait(watch: Watch) -> tuple[list[Job], list[list[Event]], int]:
        waiting = asyncio.gather(*(watch.wait(job_id, 60) for _ in range(150)))
        following = asyncio.gather(*(collect(watch.events(job_id)) for _ in range(150)))
        await asyncio.sleep(0)
        await asyncio.to_thread(hands.work, job_id)
        jobs, told = await waiting, await following
        connected = [client["name"] for client in hands.redis.client_list()]
        return jobs, told, connected.count("roadmask-watch")

    jobs, told, connections = watched(hands, wait)
    assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    assert {events[-1].data["state"] for events in told} == {"succeeded"}
    assert connections < 10


def test_jobs_read_at_once_are_each_answered_in_a_few_calls(hands: Hands) -> None:
    ids = [hands.accept(size) for size in range(1, 41)]

    async def read(watch: Watch) -> tuple[list[Job | BaseException], int]:
        before = script_calls(hands)
        wanted = [*ids[:20], NOBODY, *ids[20:]]
        reads = (watch.read(job_id) for job_id in wanted)
        jobs = await asyncio.gather(*reads, return_exceptions=True)
        return jobs, script_calls(hands) - before

    jobs, calls = watched(hands, read)
    assert isinstance(jobs.pop(20), JobNotFound)
    assert jobs == [hands.job(job_id) for job_id in ids]
    assert calls < 10


def test_a_read_sees_what_happened_before_it_while_another_is_under_way(hands: Hands) -> None:
    job_id = hands.accept(1)

    async def read(watch: Watch) -> list[JobState]:
        await watch.read(job_id)
        before = script_calls(hands)
        first = asyncio.create_task(watch.read(job_id))
        while script_calls(hands) == before:
            await asyncio.sleep(0)
        # Redis has answered; while this loop stands still, nobody has taken the answer.
        hands.records.cancel(job_id)
        second = asyncio.create_task(watch.read(job_id))
        return [(await reading).state for reading in (first, second)]

    assert watched(hands, read) == [JobState.QUEUED, JobState.CANCELED]


def test_waiting_ends_with_the_time(hands: Hands) -> None:
    job_id = hands.accept(1)
    assert watched(hands, lambda watch: watch.wait(job_id, 0.1)).state is JobState.QUEUED
    assert watched(hands, lambda watch: watch.wait(job_id, 0)).state is JobState.QUEUED


def test_the_end_of_the_last_item_is_told_at_once(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rhythm, "PAUSE_S", 60)
    job_id = hands.accept(1)

    async def follow(watch: Watch) -> JobState:
        waiting = asyncio.create_task(watch.wait(job_id, 60))
        events = watch.events(job_id)
        assert (await anext(events)).data["state"] == "queued"
        claim = await asyncio.to_thread(hands.begin, job_id)
        assert (await anext(events)).data["state"] == "running"
        following = asyncio.create_task(collect(events))
        await asyncio.to_thread(hands.succeed, claim, 0)
        assert [event.type for event in await asyncio.wait_for(following, 20)] == ["item", "job"]
        return (await asyncio.wait_for(waiting, 20)).state

    assert watched(hands, follow) is JobState.SUCCEEDED


def test_events_begin_with_the_job_and_end_with_its_end(hands: Hands) -> None:
    job_id = hands.accept(20)
    hands.work(job_id, chunks=5)

    async def follow(watch: Watch) -> list[Event]:
        events = watch.events(job_id)
        first = await anext(events)
        await asyncio.to_thread(hands.work, job_id, [19])
        return [first, *[event async for event in events]]

    first, *items, last = watched(hands, follow)
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
    assert last.data["counts"] == hands.job(job_id).counts.model_dump()


def test_a_lost_connection_goes_on_after_the_last_event(hands: Hands) -> None:
    job_id = hands.accept(30)
    hands.work(job_id)
    told = watched(hands, lambda watch: collect(watch.events(job_id, "0")))
    assert [event.data["index"] for event in told if event.type == "item"] == list(range(30))
    middle = told[11]
    rest = watched(hands, lambda watch: collect(watch.events(job_id, middle.id)))
    assert rest == told[12:]
    (end,) = watched(hands, lambda watch: collect(watch.events(job_id, told[-1].id)))
    assert end == told[-1]
    (now,) = watched(hands, lambda watch: collect(watch.events(job_id)))
    assert now == told[-1]


def test_an_end_that_a_retry_undid_is_not_told_as_one(hands: Hands) -> None:
    job_id = hands.accept(3)
    hands.work(job_id, damaged=[1])
    hands.records.retry(job_id)
    hands.work(job_id)
    told = watched(hands, lambda watch: collect(watch.events(job_id, "0")))
    assert [event.is_last for event in told] == [False] * (len(told) - 1) + [True]
    assert [e.data["index"] for e in told if e.type == "item"] == [0, 1, 2, 1]
    assert told[-1].data["state"] == "succeeded"


def test_a_silent_stream_tells_that_it_lives(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "PING_S", 0.05)
    job_id = hands.accept(1)

    async def follow(watch: Watch) -> list[Event]:
        events = watch.events(job_id)
        return [await anext(events) for _ in range(3)]

    first, *pings = watched(hands, follow)
    assert [ping.type for ping in pings] == ["ping", "ping"]
    assert {ping.id for ping in pings} == {first.id}


@pytest.mark.parametrize("last_id", ["x", "-", "1-2-3", "1\r\n", ""])
def test_an_event_id_that_is_none_is_told(hands: Hands, last_id: str) -> None:
    job_id = hands.accept(1)
    with pytest.raises(InvalidRequest, match="not the id of an event"):
        watched(hands, lambda watch: collect(watch.events(job_id, last_id)))


def test_the_events_of_a_huge_job_do_not_pile_up(hands: Hands) -> None:
    key = f"rm:job:{(job_id := hands.accept(4500))}:events"
    hands.work(job_id)
    assert 4096 <= hands.redis.xlen(key) < 4300
