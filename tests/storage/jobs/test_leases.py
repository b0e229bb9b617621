"""A chunk has one holder, an item one end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from roadmask.schemas.jobs import ItemState, JobState
from storage.jobs.leases import Claim
from storage.jobs.scripts import FLIGHT_MS
from tests.harness.storage.records_harness import RecordsHarness, confusion, result
from tests.harness.waiting import wait_until


def test_each_claim_hands_out_another_chunk(harness: RecordsHarness) -> None:
    job_id = harness.accept(40)
    claims = [harness.claim(job_id) for _ in range(20)]
    assert sorted(claim.chunk for claim in claims) == list(range(20))
    assert [item.index for item in claims[1].items] == [2, 3]
    assert claims[1].items[0].item.image == "scenes/000002"
    assert len({claim.token for claim in claims}) == 20
    assert harness.leases.claim(job_id, "worker") is None


def test_a_message_about_an_unknown_job_is_no_work(harness: RecordsHarness) -> None:
    harness.accept(1)
    assert harness.leases.claim("01a20517-51a0-7740-a1f6-70ed3b827a06", "worker") is None


def test_a_job_runs_once_an_item_was_begun(harness: RecordsHarness) -> None:
    job_id = harness.accept(40)
    claim = harness.claim(job_id)
    assert harness.job(job_id).state is JobState.QUEUED
    assert harness.leases.begin(claim, [0]).begun == [0]
    job = harness.job(job_id)
    assert (job.state, job.counts.running, job.counts.queued) == ("running", 1, 39)
    assert job.started_at is not None
    assert harness.items(job_id)[0].attempts == 1
    harness.check_invariants(job_id)


def test_all_that_succeeded_makes_a_succeeded_job(harness: RecordsHarness) -> None:
    job_id = harness.accept(5)
    harness.work(job_id)
    job = harness.job(job_id)
    assert (job.state, job.counts.succeeded, job.progress) == ("succeeded", 5, 1)
    assert job.finished_at is not None
    assert (job.error, job.eta_seconds, job.queue_position) == (None, None, None)
    assert harness.events(job_id)[-1][1]["state"] == "succeeded"
    harness.check_invariants(job_id)


def test_a_failed_image_has_its_cause_and_its_neighbours_finish(
    harness: RecordsHarness,
) -> None:
    job_id = harness.accept(5)
    harness.work(job_id, damaged=[2])
    job, item = harness.job(job_id), harness.records.item(job_id, 2)
    assert job.state is JobState.COMPLETED_WITH_ERRORS
    assert (job.counts.succeeded, job.counts.failed) == (4, 1)
    assert item.error is not None
    assert (item.error.code, item.error.detail) == ("image_unreadable", "The file ends too early.")
    harness.check_invariants(job_id)


def test_a_job_of_which_all_failed_has_failed(harness: RecordsHarness) -> None:
    job_id = harness.accept(2)
    harness.work(job_id, damaged=[0, 1])
    job = harness.job(job_id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.code == "all_items_failed"


def test_more_failures_than_the_threshold_stop_the_job(harness: RecordsHarness) -> None:
    job_id = harness.accept(100, error_threshold=0.29)
    claims = [harness.begin(job_id) for _ in range(25)]
    items = [(claim, item.index) for claim in claims for item in claim.items]
    for claim, index in items[:29]:
        assert harness.fail(claim, index)
    assert harness.job(job_id).state is JobState.RUNNING
    assert harness.fail(*items[29])
    job = harness.job(job_id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.code == "error_threshold"
    assert job.counts.canceled == 70
    assert not harness.succeed(*items[30])
    harness.check_invariants(job_id)


def test_an_item_ends_once(harness: RecordsHarness) -> None:
    job_id = harness.accept(40)
    claim = harness.begin(job_id)
    assert harness.succeed(claim, 0)
    assert not harness.succeed(claim, 0)
    assert not harness.fail(claim, 0)
    assert harness.leases.begin(claim, [0]).begun == []
    harness.check_invariants(job_id)


def test_a_cached_mask_is_counted_as_such(harness: RecordsHarness) -> None:
    job_id = harness.accept(2)
    for cached in (True, False):
        claim = harness.begin(job_id)
        harness.succeed(claim, claim.items[0].index, cached)
        harness.leases.release(claim)
    assert harness.job(job_id).counts.cached == 1
    assert [item.result.cached for item in harness.items(job_id) if item.result] == [True, False]


def test_known_masks_end_their_items_in_one_step(harness: RecordsHarness) -> None:
    job_id = harness.accept(64)
    claim = harness.claim(job_id)
    known = {item.index: (result(item.index, True), confusion(item.index)) for item in claim.items}
    assert harness.leases.commit_cached(replace(claim, token=claim.token - 1), known) == 0
    assert harness.succeed(claim, 0)
    assert harness.leases.commit_cached(claim, known) == len(known) - 1, "one had ended before"
    harness.leases.release(claim)
    job = harness.job(job_id)
    assert (job.state, job.counts.cached) == (JobState.RUNNING, len(known) - 1)
    assert job.started_at is not None
    assert {item.attempts for item in harness.items(job_id)} == {0}, "nothing was decoded"
    harness.check_invariants(job_id)
    harness.work(job_id)
    harness.check_succeeded(job_id, 64)


def test_known_masks_of_a_job_that_was_canceled_change_nothing(harness: RecordsHarness) -> None:
    job_id = harness.accept(2)
    claim = harness.claim(job_id)
    harness.records.cancel(job_id)
    assert harness.leases.commit_cached(claim, {0: (result(0, True), None)}) == 0
    harness.check_invariants(job_id)


def test_a_result_is_read_as_it_was_committed(harness: RecordsHarness) -> None:
    job_id = harness.accept(2)
    harness.work(job_id)
    result = harness.records.item(job_id, 1).result
    assert result is not None
    assert (result.mask_key, result.width, result.height) == ("masks/1.png", 4, 2)
    assert result.shares == {"flat": 0.1235, "sky": 0.8765}
    assert result.timings_ms == {"infer": 13}
    assert result.scores is not None
    assert result.scores.per_category["flat"].pixels == 8
    assert result.scores.accuracy == pytest.approx(7 / 8)


def test_a_holder_that_was_replaced_can_do_nothing(harness: RecordsHarness) -> None:
    job_id = harness.accept(20)
    late = harness.begin(job_id)
    index = late.items[0].index
    wait_until(lambda: harness.reconciler.run().leases)
    assert harness.leases.renew([late]) == [late]
    assert harness.leases.begin(late, [index]).begun == []
    assert not harness.succeed(late, index)
    successor = harness.begin(job_id)
    assert (successor.chunk, successor.items[0].attempts) == (late.chunk, 1)
    assert not harness.succeed(late, index)
    harness.leases.release(late)
    assert harness.succeed(successor, index)
    harness.check_invariants(job_id)


def test_a_lease_that_is_renewed_does_not_run_out(harness: RecordsHarness) -> None:
    job_id = harness.accept(2)
    renewed, left = harness.claim(job_id), harness.claim(job_id)
    patient = harness.another(lease_s=30)

    def only_one_ran_out() -> bool:
        assert patient.leases.renew([renewed]) == []
        return bool(harness.reconciler.run().leases)

    wait_until(only_one_ran_out)
    assert harness.claim(job_id).chunk == left.chunk
    assert harness.leases.claim(job_id, "worker") is None
    assert harness.leases.renew([]) == []


def test_attempts_that_kill_are_counted_and_end(harness: RecordsHarness) -> None:
    job_id = harness.accept(1)
    for attempt in range(3):
        claim = harness.claim(job_id)
        assert claim.items[0].attempts == attempt
        assert harness.leases.begin(claim, [0]).begun == [0]
        wait_until(lambda: harness.reconciler.run().leases)
    claim = harness.claim(job_id)
    assert harness.leases.begin(claim, [0]).begun == []
    item = harness.records.item(job_id, 0)
    assert item.state is ItemState.FAILED
    assert item.error is not None
    assert item.error.code == "worker_crashed"
    assert item.attempts == 3
    assert harness.job(job_id).state is JobState.FAILED
    harness.check_invariants(job_id)


def test_giving_a_chunk_back_costs_no_attempt(harness: RecordsHarness) -> None:
    job_id = harness.accept(32)
    for _ in range(5):
        claim = harness.begin(job_id)
        assert harness.leases.release(claim)
        assert harness.job(job_id).counts.running == 0
    claim = harness.begin(job_id)
    harness.succeed(claim, claim.items[0].index)
    assert harness.leases.release(claim)
    again = harness.claim(job_id)
    assert again.chunk == claim.chunk
    assert again.items == claim.items[1:]
    harness.check_invariants(job_id)


def test_a_begin_whose_answer_was_lost_counts_one_attempt(harness: RecordsHarness) -> None:
    job_id = harness.accept(40)
    claim = harness.claim(job_id)
    for _ in range(3):
        assert harness.leases.begin(claim, [0, 1]).begun == [0, 1]
    assert [item.attempts for item in harness.items(job_id)[:3]] == [1, 1, 0]
    assert harness.job(job_id).counts.running == 2
    # The next attempt under the same lease is another one.
    second = replace(claim, items=[replace(claim.items[0], attempts=1)])
    for _ in range(2):
        assert harness.leases.begin(second, [0]).begun == [0]
    assert [item.attempts for item in harness.items(job_id)[:2]] == [2, 1]
    harness.check_invariants(job_id)


def test_only_suspects_pay_for_a_chunk_that_is_released(harness: RecordsHarness) -> None:
    job_id = harness.accept(40)
    claim = harness.begin(job_id)
    assert harness.leases.release(claim, [claim.items[1].index, 39])
    attempts = {item.index: item.attempts for item in harness.claim(job_id).items}
    assert attempts == {0: 0, 1: 1}
    assert harness.job(job_id).counts.running == 0
    harness.check_invariants(job_id)


def in_flight(claim: Claim, flight: str) -> Claim:
    """The claim whose first item has a flight."""
    return replace(claim, items=[replace(claim.items[0], flight=flight)])


def two_workers(harness: RecordsHarness) -> tuple[Claim, Claim]:
    """Claims of two workers, on two jobs, whose first items have the same mask."""
    claims = [harness.leases.claim(harness.accept(2), worker) for worker in ("one", "two")]
    first, second = (in_flight(claim, "mask") for claim in claims if claim)
    return first, second


def test_one_worker_at_a_time_infers_a_mask(harness: RecordsHarness) -> None:
    first, second = two_workers(harness)
    assert harness.leases.begin(first, [0]) == ([0], [], [])
    assert harness.leases.begin(second, [0]) == ([], [], [0])
    assert harness.items(second.job_id)[0].attempts == 0, "no attempt is counted"
    assert harness.leases.begin(first, [0]) == ([0], [], []), "a lost answer is repeated"
    # An item may fail as well as succeed.
    assert harness.fail(first, 0)
    assert harness.leases.begin(second, [0]) == ([0], [], [])
    assert harness.succeed(second, 0)
    assert harness.redis.keys("rm:flight:*") == []
    harness.check_invariants(second.job_id)


def test_threads_of_one_worker_share_an_inference(harness: RecordsHarness) -> None:
    claims = [harness.claim(harness.accept(2)) for _ in range(2)]
    first, second = (in_flight(claim, "mask") for claim in claims)
    for claim in first, second:
        assert harness.leases.begin(claim, [0]) == ([0], [], [])
    assert harness.succeed(second, 0)
    other = harness.leases.claim(harness.accept(2), "another")
    assert other is not None
    assert harness.leases.begin(in_flight(other, "mask"), [0]) == ([], [], [0])
    assert harness.succeed(first, 0)
    assert harness.redis.keys("rm:flight:*") == []


def test_a_lease_that_ended_holds_no_flight(harness: RecordsHarness) -> None:
    first, second = two_workers(harness)
    assert harness.leases.begin(first, [0]) == ([0], [], [])
    key = "rm:flight:mask"
    assert 0 < int(harness.redis.pttl(key)) <= FLIGHT_MS
    harness.leases.release(first)
    assert harness.leases.begin(second, [0]) == ([0], [], [])
    # The late holder ends its item only under a new lease, and never the flight of another.
    assert not harness.succeed(first, 0)
    assert harness.redis.exists(key)


def test_a_dead_worker_blocks_a_mask_until_its_lease_expires(harness: RecordsHarness) -> None:
    first, second = two_workers(harness)
    assert harness.leases.begin(first, [0]) == ([0], [], [])

    def begun() -> bool:
        nonlocal second
        lost = harness.leases.renew([second])
        harness.reconciler.run()
        # On a busy machine the lease of the second ends too, and it claims its items again.
        if lost and (claim := harness.leases.claim(second.job_id, "two")):
            second = in_flight(claim, "mask")
        return bool(harness.leases.begin(second, [0]).begun)

    wait_until(begun)


def test_the_last_chunk_leaves_nothing_to_claim(harness: RecordsHarness) -> None:
    job_id = harness.accept(2)
    first, second = harness.begin(job_id), harness.begin(job_id)
    harness.succeed(first, first.items[0].index)
    assert not harness.leases.release(first)
    harness.succeed(second, second.items[0].index)
    assert not harness.leases.release(second)


def test_cancel_stops_what_is_running(harness: RecordsHarness) -> None:
    job_id = harness.accept(20)
    done, running = harness.begin(job_id), harness.begin(job_id)
    harness.succeed(done, done.items[0].index)
    job = harness.records.cancel(job_id)
    assert (job.state, job.counts.succeeded, job.counts.canceled) == ("canceled", 1, 19)
    assert harness.leases.renew([running]) == [running]
    assert harness.leases.begin(running, [running.items[0].index]).begun == []
    assert not harness.succeed(running, running.items[0].index)
    assert harness.leases.claim(job_id, "worker") is None
    assert not harness.leases.release(running)
    assert harness.records.item(job_id, running.items[0].index).state is ItemState.CANCELED
    assert harness.records.cancel(job_id).state is JobState.CANCELED
    harness.check_invariants(job_id)


def test_three_of_everything_at_once_counts_once(harness: RecordsHarness) -> None:
    """Every message comes three times, and every commit is sent three times, all at once."""
    job_id = harness.accept(96)

    worker = harness.another(lease_s=30)

    def deliver(_: int) -> None:
        claim = worker.leases.claim(job_id, "worker")
        if claim is None:
            return
        begun = worker.leases.begin(claim, [item.index for item in claim.items]).begun
        with ThreadPoolExecutor(3) as commits:
            for index in begun:
                act = worker.fail if index % 7 == 0 else worker.succeed
                answers = list(commits.map(act, [claim] * 3, [index] * 3))
                assert sorted(answers) == [False, False, True]
        worker.leases.release(claim)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(deliver, range(3 * 24)))
    job = harness.job(job_id)
    assert job.state is JobState.COMPLETED_WITH_ERRORS
    assert (job.counts.succeeded, job.counts.failed) == (82, 14)
    harness.check_invariants(job_id)
