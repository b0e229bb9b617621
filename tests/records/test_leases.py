"""A chunk has one holder, an item one end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from roadmask.jobs import ItemState, JobState
from tests.records.hands import Hands, mask, pixels
from tests.waiting import wait_until


def test_each_claim_hands_out_another_chunk(hands: Hands) -> None:
    job_id = hands.accept(40)
    claims = [hands.claim(job_id) for _ in range(20)]
    assert sorted(claim.chunk for claim in claims) == list(range(20))
    assert [item.index for item in claims[1].items] == [2, 3]
    assert claims[1].items[0].item.image == "scenes/000002"
    assert len({claim.token for claim in claims}) == 20
    assert hands.leases.claim(job_id, "worker") is None


def test_a_message_about_an_unknown_job_is_no_work(hands: Hands) -> None:
    hands.accept(1)
    assert hands.leases.claim("01a20517-51a0-7740-a1f6-70ed3b827a06", "worker") is None


def test_a_job_runs_once_an_item_was_begun(hands: Hands) -> None:
    job_id = hands.accept(40)
    claim = hands.claim(job_id)
    assert hands.job(job_id).state is JobState.QUEUED
    assert hands.leases.begin(claim, [0]) == [0]
    job = hands.job(job_id)
    assert (job.state, job.counts.running, job.counts.queued) == ("running", 1, 39)
    assert job.started_at is not None
    assert hands.items(job_id)[0].attempts == 1
    hands.check(job_id)


def test_all_that_succeeded_makes_a_succeeded_job(hands: Hands) -> None:
    job_id = hands.accept(5)
    hands.work(job_id)
    job = hands.job(job_id)
    assert (job.state, job.counts.succeeded, job.progress) == ("succeeded", 5, 1)
    assert job.finished_at is not None
    assert (job.error, job.eta_seconds, job.queue_position) == (None, None, None)
    assert hands.events(job_id)[-1][1]["state"] == "succeeded"
    hands.check(job_id)


def test_an_image_that_fails_has_its_cause_and_its_neighbours_finish(hands: Hands) -> None:
    job_id = hands.accept(5)
    hands.work(job_id, damaged=[2])
    job, item = hands.job(job_id), hands.records.item(job_id, 2)
    assert job.state is JobState.COMPLETED_WITH_ERRORS
    assert (job.counts.succeeded, job.counts.failed) == (4, 1)
    assert item.error is not None
    assert (item.error.code, item.error.detail) == ("image_unreadable", "The file ends too early.")
    hands.check(job_id)


def test_a_job_of_which_all_failed_has_failed(hands: Hands) -> None:
    job_id = hands.accept(2)
    hands.work(job_id, damaged=[0, 1])
    job = hands.job(job_id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.code == "all_items_failed"


def test_more_failures_than_the_threshold_stop_the_job(hands: Hands) -> None:
    job_id = hands.accept(100, error_threshold=0.29)
    claims = [hands.begin(job_id) for _ in range(25)]
    items = [(claim, item.index) for claim in claims for item in claim.items]
    for claim, index in items[:29]:
        assert hands.fail(claim, index)
    assert hands.job(job_id).state is JobState.RUNNING
    assert hands.fail(*items[29])
    job = hands.job(job_id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.code == "error_threshold"
    assert job.counts.canceled == 70
    assert not hands.succeed(*items[30])
    hands.check(job_id)


def test_an_item_ends_once(hands: Hands) -> None:
    job_id = hands.accept(40)
    claim = hands.begin(job_id)
    assert hands.succeed(claim, 0)
    assert not hands.succeed(claim, 0)
    assert not hands.fail(claim, 0)
    assert hands.leases.begin(claim, [0]) == []
    hands.check(job_id)


def test_a_cached_mask_is_counted_as_such(hands: Hands) -> None:
    job_id = hands.accept(2)
    for cached in (True, False):
        claim = hands.begin(job_id)
        hands.succeed(claim, claim.items[0].index, cached)
        hands.leases.release(claim)
    assert hands.job(job_id).counts.cached == 1
    assert [item.result.cached for item in hands.items(job_id) if item.result] == [True, False]


def test_known_masks_end_their_items_in_one_step(hands: Hands) -> None:
    job_id = hands.accept(64)
    claim = hands.claim(job_id)
    known = {item.index: (mask(item.index, True), pixels(item.index)) for item in claim.items}
    assert hands.leases.commit_known(replace(claim, token=claim.token - 1), known) == 0
    assert hands.succeed(claim, 0)
    assert hands.leases.commit_known(claim, known) == len(known) - 1, "one had ended before"
    hands.leases.release(claim)
    job = hands.job(job_id)
    assert (job.state, job.counts.cached) == (JobState.RUNNING, len(known) - 1)
    assert job.started_at is not None
    assert {item.attempts for item in hands.items(job_id)} == {0}, "nothing was decoded"
    hands.check(job_id)
    hands.work(job_id)
    hands.check_result(job_id, 64)


def test_known_masks_of_a_job_that_was_canceled_change_nothing(hands: Hands) -> None:
    job_id = hands.accept(2)
    claim = hands.claim(job_id)
    hands.records.cancel(job_id)
    assert hands.leases.commit_known(claim, {0: (mask(0, True), None)}) == 0
    hands.check(job_id)


def test_a_result_is_read_as_it_was_committed(hands: Hands) -> None:
    job_id = hands.accept(2)
    hands.work(job_id)
    result = hands.records.item(job_id, 1).result
    assert result is not None
    assert (result.mask_key, result.width, result.height) == ("masks/1.png", 4, 2)
    assert result.shares == {"flat": 0.1235, "sky": 0.8765}
    assert result.timings_ms == {"infer": 13}
    assert result.scores is not None
    assert result.scores.per_category["flat"].pixels == 8
    assert result.scores.accuracy == pytest.approx(7 / 8)


def test_a_holder_that_was_replaced_can_do_nothing(hands: Hands) -> None:
    job_id = hands.accept(20)
    late = hands.begin(job_id)
    index = late.items[0].index
    wait_until(lambda: hands.recovery.run()["leases"])
    assert hands.leases.renew([late]) == [late]
    assert hands.leases.begin(late, [index]) == []
    assert not hands.succeed(late, index)
    successor = hands.begin(job_id)
    assert (successor.chunk, successor.items[0].attempts) == (late.chunk, 1)
    assert not hands.succeed(late, index)
    hands.leases.release(late)
    assert hands.succeed(successor, index)
    hands.check(job_id)


def test_a_lease_that_is_renewed_does_not_run_out(hands: Hands) -> None:
    job_id = hands.accept(2)
    renewed, left = hands.claim(job_id), hands.claim(job_id)

    def only_one_ran_out() -> bool:
        assert hands.leases.renew([renewed]) == []
        return bool(hands.recovery.run()["leases"])

    wait_until(only_one_ran_out)
    assert hands.claim(job_id).chunk == left.chunk
    assert hands.leases.claim(job_id, "worker") is None
    assert hands.leases.renew([]) == []


def test_attempts_that_kill_are_counted_and_end(hands: Hands) -> None:
    job_id = hands.accept(1)
    for attempt in range(3):
        claim = hands.claim(job_id)
        assert claim.items[0].attempts == attempt
        assert hands.leases.begin(claim, [0]) == [0]
        wait_until(lambda: hands.recovery.run()["leases"])
    claim = hands.claim(job_id)
    assert hands.leases.begin(claim, [0]) == []
    item = hands.records.item(job_id, 0)
    assert item.state is ItemState.FAILED
    assert item.error is not None
    assert item.error.code == "worker_crashed"
    assert item.attempts == 3
    assert hands.job(job_id).state is JobState.FAILED
    hands.check(job_id)


def test_giving_a_chunk_back_costs_no_attempt(hands: Hands) -> None:
    job_id = hands.accept(32)
    for _ in range(5):
        claim = hands.begin(job_id)
        assert hands.leases.release(claim)
        assert hands.job(job_id).counts.running == 0
    claim = hands.begin(job_id)
    hands.succeed(claim, claim.items[0].index)
    assert hands.leases.release(claim)
    again = hands.claim(job_id)
    assert again.chunk == claim.chunk
    assert again.items == claim.items[1:]
    hands.check(job_id)


def test_the_last_chunk_leaves_nothing_to_claim(hands: Hands) -> None:
    job_id = hands.accept(2)
    first, second = hands.begin(job_id), hands.begin(job_id)
    hands.succeed(first, first.items[0].index)
    assert not hands.leases.release(first)
    hands.succeed(second, second.items[0].index)
    assert not hands.leases.release(second)


def test_cancel_stops_what_is_running(hands: Hands) -> None:
    job_id = hands.accept(20)
    done, running = hands.begin(job_id), hands.begin(job_id)
    hands.succeed(done, done.items[0].index)
    job = hands.records.cancel(job_id)
    assert (job.state, job.counts.succeeded, job.counts.canceled) == ("canceled", 1, 19)
    assert hands.leases.renew([running]) == [running]
    assert hands.leases.begin(running, [running.items[0].index]) == []
    assert not hands.succeed(running, running.items[0].index)
    assert hands.leases.claim(job_id, "worker") is None
    assert not hands.leases.release(running)
    assert hands.records.item(job_id, running.items[0].index).state is ItemState.CANCELED
    assert hands.records.cancel(job_id).state is JobState.CANCELED
    hands.check(job_id)


def test_three_of_everything_at_once_counts_once(hands: Hands) -> None:
    """Every message comes three times, and every commit is sent three times, all at once."""
    job_id = hands.accept(96)

    worker = Hands.of(hands.settings.model_copy(update={"lease_s": 30}))

    def deliver(_: int) -> None:
        claim = worker.leases.claim(job_id, "worker")
        if claim is None:
            return
        begun = worker.leases.begin(claim, [item.index for item in claim.items])
        with ThreadPoolExecutor(3) as commits:
            for index in begun:
                act = worker.fail if index % 7 == 0 else worker.succeed
                answers = list(commits.map(act, [claim] * 3, [index] * 3))
                assert sorted(answers) == [False, False, True]
        worker.leases.release(claim)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(deliver, range(3 * 24)))
    job = hands.job(job_id)
    assert job.state is JobState.COMPLETED_WITH_ERRORS
    assert (job.counts.succeeded, job.counts.failed) == (82, 14)
    hands.check(job_id)
