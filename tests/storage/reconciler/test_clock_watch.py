"""Steps of a clock freeze no lease, take none from the living, and are logged."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from redis import Redis

from roadmask.schemas.jobs import JobState
from storage.jobs.keys import DUE_DELIVERIES, RECONCILER
from storage.reconciler.clock_watch import ClockWatch
from storage.redis_text import text, texts
from storage.wall_clock import wall_ms
from storage.workers import WorkerRegistry
from tests.harness.storage.records_harness import RecordsHarness
from tests.harness.waiting import wait_until

STEP_MS = 20 * 60 * 1000


def scores(harness: RecordsHarness, key: str) -> dict[str, float]:
    members = texts(harness.redis.zrange(key, 0, -1))
    return {member: float(text(harness.redis.zscore(key, member))) for member in members}


def set_clock(harness: RecordsHarness, job_id: str, step_ms: int) -> None:
    """What a step of Redis's clock does: all stored times are that much off."""
    leases = f"rm:job:{job_id}:leases"
    for chunk, ends in scores(harness, leases).items():
        harness.redis.zadd(leases, {chunk: ends - step_ms})
    for name in ("touched", "created"):
        if harness.redis.hexists(f"rm:job:{job_id}", name):
            harness.redis.hincrby(f"rm:job:{job_id}", name, -step_ms)


@dataclass
class Clocks:
    """Clocks of which the test sets those that can be set."""

    redis: Redis
    offset_s: float = 0.0

    def watch(self, grace_ms: int = 1000) -> ClockWatch:
        return ClockWatch(self.redis, grace_ms, lambda: time.monotonic() + self.offset_s)


@pytest.mark.parametrize(("hours", "told"), [(1, "set back by 3600"), (-1, "set forward by 3600")])
def test_a_step_is_told_and_stops_leases_from_expiring(
    redis: Redis, caplog: pytest.LogCaptureFixture, hours: int, told: str
) -> None:
    clocks = Clocks(redis)
    watch = clocks.watch(grace_ms=150)
    assert watch.observe() == 0
    wait_until(lambda: watch.expected_ms() > 0)  # Redis may have been started for this test.
    assert abs(watch.expected_ms() - time.time() * 1000) < 1000
    # The monotonic clock runs ahead: against it, the others are set back.
    clocks.offset_s = hours * 3600.0
    step = watch.observe()
    assert abs(step + hours * 3_600_000) < 1000
    assert f"Redis's clock was {told}" in caplog.text
    assert f"This machine's clock was {told}" in caplog.text
    assert watch.expected_ms() == 0
    assert watch.observe() == 0
    wait_until(lambda: watch.expected_ms() > 0)


@pytest.mark.parametrize(("uptime_s", "may_expire"), [(0, False), (5, True), (-1200, False)])
def test_a_restart_gives_time_and_a_negative_uptime_freezes_nothing(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, uptime_s: int, may_expire: bool
) -> None:
    watch = Clocks(redis).watch(grace_ms=4000)
    info = {"run_id": "the first", "uptime_in_seconds": 3600}
    monkeypatch.setattr(redis, "info", lambda _: info)
    watch.observe()
    assert watch.expected_ms() > 0
    info |= {"run_id": "after a restart", "uptime_in_seconds": uptime_s}
    watch.observe()
    assert (watch.expected_ms() > 0) is may_expire
    again = Clocks(redis).watch(grace_ms=50)
    again.observe()
    wait_until(lambda: again.expected_ms() > 0)


def test_a_slow_reply_is_no_step(redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    clocks = Clocks(redis)
    watch = clocks.watch()
    watch.observe()
    time.sleep(0.3)
    assert watch.observe() == 0
    assert caplog.text == ""


def test_the_lease_of_a_dead_worker_ends_after_the_clock_was_set_back(
    harness: RecordsHarness,
) -> None:
    job_id = harness.accept(32)
    harness.begin(job_id)
    set_clock(harness, job_id, -STEP_MS)
    harness.reconciler.run()
    wait_until(lambda: harness.reconciler.run().leases)
    again = harness.claim(job_id)
    assert [item.attempts for item in again.items] == [1, 1]


def test_a_longer_lease_of_another_process_is_not_cut_short(harness: RecordsHarness) -> None:
    job_id = harness.accept(1)
    held = harness.another(lease_s=3600)
    claim = held.begin(job_id)
    harness.reconciler.run()
    time.sleep(0.3)
    assert harness.reconciler.run().leases == 0
    assert harness.succeed(claim, 0)


def test_no_lease_is_taken_while_the_clock_steps_forward(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = harness.another(lease_s=300)
    job_id = patient.accept(32)
    claim = patient.begin(job_id)
    patient.reconciler.run()
    set_clock(harness, job_id, STEP_MS)
    with monkeypatch.context() as step:
        # The leader expected another time, and has not seen the step itself yet.
        step.setattr(ClockWatch, "expected_ms", lambda _: int(time.time() * 1000) - STEP_MS)
        assert patient.reconciler.run().leases == 0
        assert patient.leases.renew([claim]) == []
    assert patient.reconciler.run().leases == 0
    assert all(patient.succeed(claim, item.index) for item in claim.items)


def test_a_lost_message_is_sent_again_after_the_clock_was_set_back(
    harness: RecordsHarness,
) -> None:
    forgotten, busy = harness.accept(100), harness.accept(100)
    harness.another(lease_s=30).claim(busy)
    harness.queue.send(busy, harness.job(busy).lane)
    set_clock(harness, forgotten, -STEP_MS)
    wait_until(lambda: harness.reconciler.run().messages)


def test_a_step_forward_lets_no_message_wait_for_an_hour(harness: RecordsHarness) -> None:
    job_id = harness.accept(100)
    harness.queue.send(job_id, harness.job(job_id).lane)
    set_clock(harness, job_id, STEP_MS)
    assert harness.reconciler.run().messages == 1
    patience = int(harness.redis.hget(f"rm:job:{job_id}", "patience") or 0)
    assert patience == 16 * 250
    assert harness.job(job_id).state is JobState.QUEUED


def test_a_dead_leader_is_replaced_after_the_clock_was_set_back(harness: RecordsHarness) -> None:
    harness.redis.set(RECONCILER, "dead", px=STEP_MS)
    job_id = harness.accept(1)
    assert harness.reconciler.run().messages == 0
    wait_until(lambda: harness.reconciler.run().messages)
    assert harness.job(job_id).state is JobState.QUEUED


def test_a_webhook_is_due_by_the_clock_of_redis(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = harness.accept(1, webhook="https://example.com/hook")
    harness.records.cancel(job_id)
    monkeypatch.setattr(ClockWatch, "observe", lambda _: 0)
    harness.reconciler.run()
    (member,) = scores(harness, DUE_DELIVERIES)
    harness.redis.zincrby(DUE_DELIVERIES, STEP_MS, member)
    monkeypatch.setattr(ClockWatch, "observe", lambda _: -STEP_MS)
    harness.reconciler.run()
    assert scores(harness, DUE_DELIVERIES)[member] <= time.time() * 1000


def test_a_dead_worker_is_not_listed_for_as_long_as_the_clock_was_set_back(redis: Redis) -> None:
    registry = WorkerRegistry(redis)
    registry.heartbeat("dead", {})
    redis.expire("rm:worker:dead", STEP_MS // 1000)
    assert [worker.id for worker in registry.list_live()] == ["dead"]
    assert 0 < int(redis.ttl("rm:worker:dead")) <= 20


def test_an_api_with_a_wrong_clock_says_so_once(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    harness.accept(1)
    assert "clock" not in caplog.text
    monkeypatch.setattr("storage.jobs.job_file.wall_ms", lambda: wall_ms() + 1_200_000)
    for _ in range(2):
        harness.accept(1)
    assert caplog.text.count("the clock of this machine is 1200 s from Redis's") == 1
