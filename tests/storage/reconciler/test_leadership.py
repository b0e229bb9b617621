"""One process reconciles at a time; two that do so at once by mistake do no harm."""

from __future__ import annotations

import time
from typing import Any

import pytest

from roadmask.errors import StoreUnavailable
from roadmask.schemas.jobs import JobState
from storage.jobs.job_file import read_job_file
from storage.jobs.keys import RECONCILER
from storage.reconciler import restorer
from storage.reconciler.restorer import JobRestorer, StoredJob
from tests.harness.storage.records_harness import RecordsHarness


def round_of(harness: RecordsHarness, job_id: str) -> int:
    """The round of a job's record in Redis."""
    return int(harness.redis.hget(f"rm:job:{job_id}", "round") or 0)


def test_a_leader_leads_on_while_it_rebuilds(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = harness.another(reconcile_s=0.4)  # its time is 1.2 s
    for _ in range(4):
        harness.accept(1)
    harness.redis.flushall()
    restore = JobRestorer.restore
    leads: list[bool] = []

    def slow(restorer: JobRestorer, job: StoredJob) -> bool:
        leads.append(bool(harness.redis.exists(RECONCILER)))
        time.sleep(0.5)
        return restore(restorer, job)

    monkeypatch.setattr(JobRestorer, "restore", slow)
    assert leader.reconciler.run().rebuilt == 4
    assert leads == [True] * 4


def test_a_job_that_two_processes_restore_begins_one_round(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = harness.accept(1)
    harness.redis.flushall()

    def read_late(*arguments: Any) -> Any:
        monkeypatch.undo()
        other = harness.another()
        harness.redis.delete(RECONCILER)  # as if the time of the first leader had ended
        assert other.reconciler.run().rebuilt == 1
        return read_job_file(*arguments)

    monkeypatch.setattr(restorer, "read_job_file", read_late)
    assert harness.reconciler.run().rebuilt == 0
    assert round_of(harness, job_id) == read_job_file(harness.store, job_id).round == 1


def test_a_job_whose_round_was_not_written_ends_once(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = harness.accept(1)
    harness.redis.flushall()

    def full(*_: object) -> None:
        raise StoreUnavailable("no space left on the device")

    with monkeypatch.context() as patch:
        patch.setattr(restorer, "begin_round", full)
        harness.reconciler.run()
    harness.work(job_id)
    harness.reconciler.run()
    harness.redis.flushall()
    harness.reconciler.run()
    assert (harness.job(job_id).state, round_of(harness, job_id)) == (JobState.SUCCEEDED, 1)
    assert read_job_file(harness.store, job_id).round == 0, "no round was begun"
