"""Attempts: one item through the pipeline, and its outcome into the job's record."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import ItemError, RecordsUnavailable, RoadmaskError, Unavailable
from roadmask.jobs import Problem, Result
from storage.leases import Claim, ClaimedItem, Leases
from worker.pipeline import Pipeline, Segmented

log = logging.getLogger(__name__)


class Verdict(StrEnum):
    """What became of an attempt."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """By the item's own fault; this is final."""
    IGNORED = "ignored"
    """The job was closed or the chunk given to another worker meanwhile: it did not count."""
    RETURNED = "returned"
    """A part of the service was out of reach; releasing the chunk uncounts the attempt."""
    SUSPECT = "suspect"
    """Something unforeseen: the item runs once more, alone, before it is blamed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an item ended with: a result, or an error."""

    result: Result | None = None
    error: Problem | None = None
    counts: NDArray[np.int64] | None = None
    """Pixel counts (8, 8) against the truth."""


class Attempts:
    """Makes attempts at items. Nothing an item does gets out, whatever it raises.

    An outcome is offered to the records for up to `patience_s` seconds while they are out of reach.
    """

    def __init__(self, pipeline: Pipeline, leases: Leases, patience_s: float) -> None:
        self._pipeline = pipeline
        self._leases = leases
        self._patience_s = patience_s
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self.ended = 0
        """Items that this process brought to an end."""

    def stop(self) -> None:
        """Lose patience: an outcome that cannot be recorded is made again by another worker."""
        self._stopping.set()

    def recall(self, claim: Claim, items: Sequence[ClaimedItem]) -> int:
        """End the first of these items whose masks are there already, in one step; how many.

        It goes no further than to the first one that has work, so that new images are looked up
        only once. Nothing of them is decoded, which is why no attempt is counted. Raises
        `StoreUnavailable` and `RecordsUnavailable`.
        """
        known: dict[int, Segmented] = {}
        for item in items:
            try:
                found = self._pipeline.known(item.item, claim.model, confidence=claim.confidence)
            except Unavailable:
                raise
            except Exception:
                # Whatever it is, an attempt will meet it too, and knows what to do.
                found = None
            if found is None:
                break
            known[item.index] = found
        ended = self._leases.commit_known(claim, known) if known else 0
        with self._lock:
            self.ended += ended
        return len(known)

    def make(self, claim: Claim, item: ClaimedItem, *, alone: bool = False) -> Verdict:
        """One attempt at an item that was begun; with `alone` nothing else is in hand."""
        try:
            outcome = self._outcome(claim, item, alone)
            counted = self._commit(claim, item, outcome)
        except Unavailable as error:
            log.warning("item %s/%d is given back: %s", claim.job_id, item.index, error)
            return Verdict.RETURNED
        except BaseException:
            log.exception("item %s/%d met something unforeseen", claim.job_id, item.index)
            return Verdict.SUSPECT
        if not counted:
            return Verdict.IGNORED
        with self._lock:
            self.ended += 1
        return Verdict.FAILED if outcome.error else Verdict.SUCCEEDED

    def _outcome(self, claim: Claim, item: ClaimedItem, alone: bool) -> Outcome:
        try:
            result, counts = self._pipeline.segment(
                item.item, claim.model, claim.lane, confidence=claim.confidence, apart=alone
            )
            return Outcome(result=result, counts=counts)
        except Unavailable:
            raise
        except RoadmaskError as error:
            return Outcome(error=Problem.model_validate(error.problem()))
        except BaseException as error:
            if not alone:
                raise
            log.exception("item %s/%d fails alone", claim.job_id, item.index)
            fault = ItemError(f"Segmenting raised {type(error).__name__}: {error}"[:500])
            return Outcome(error=Problem.model_validate(fault.problem()))

    def _commit(self, claim: Claim, item: ClaimedItem, outcome: Outcome) -> bool:
        end = time.monotonic() + self._patience_s
        while True:
            try:
                return self._leases.commit(
                    claim, item.index, outcome.result, outcome.error, outcome.counts
                )
            except RecordsUnavailable:
                if time.monotonic() > end or self._stopping.wait(0.5):
                    raise
