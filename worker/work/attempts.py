"""Attempts: run an item through the pipeline, and commit its outcome to the job records."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import (
    DeadlineExceeded,
    DecoderCrashed,
    EngineNotFound,
    InvalidRequest,
    ItemError,
    ModelFailed,
    ModelNotLoaded,
    RecordsUnavailable,
    RoadmaskError,
    Unavailable,
)
from roadmask.schemas.jobs import Problem, Result
from storage.jobs.leases import Claim, ClaimedItem, Leases
from storage.telemetry.log_context import bound
from worker.metrics import ATTEMPTS, ITEMS, observe_stages
from worker.models.unloadable import UnloadableModels
from worker.pipeline.image_task import ImageTask
from worker.pipeline.pipeline import Pipeline, Segmentation
from worker.work.consumption import Consumption

COMMIT_RETRY_S = 0.5
UNCERTAIN = (ModelFailed, ModelNotLoaded, EngineNotFound, DeadlineExceeded, DecoderCrashed)
"""Errors whose cause may be the image or the machine: scarce memory, busy cores, or a model that
this worker cannot load."""
NO_MODEL = (ModelNotLoaded, EngineNotFound)
"""Errors that say nothing about the image: this worker cannot run the model of the job."""

log = logging.getLogger(__name__)


class Verdict(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """The item is at fault; this is final."""
    IGNORED = "ignored"
    """The job ended or the lease was lost meanwhile, so the outcome did not count."""
    RETURNED = "returned"
    """A service was unavailable, or this worker cannot load the model and another one may. The
    attempt is not counted."""
    SUSPECT = "suspect"
    """The item may be the cause. It has attempts left, and its next attempt runs alone."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an item, or its error."""

    result: Result | None = None
    error: Problem | None = None
    confusion: NDArray[np.int64] | None = None
    """Confusion matrix, int64 (8, 8), of the mask and its truth."""

    @property
    def name(self) -> str:
        """`succeeded`, `cached` or `failed`, for the metrics."""
        if self.result is None:
            return "failed"
        return "cached" if self.result.cached else "succeeded"

    @property
    def cause(self) -> str:
        """The code of the error; empty without one."""
        return self.error.code if self.error else ""


class AttemptRunner:
    """Makes attempts at items and lets no exception escape.

    While Redis is unavailable, the commit of an outcome is retried for up to `commit_timeout_s`.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        leases: Leases,
        consumption: Consumption,
        unloadable: UnloadableModels,
        commit_timeout_s: float,
    ) -> None:
        self._pipeline = pipeline
        self._leases = leases
        self._unloadable = unloadable
        self._consumption = consumption
        self._commit_timeout_s = commit_timeout_s
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self.items_done = 0
        """Items that this process ended."""
        self.outage = ""
        """Why the last returned item could not be finished."""

    def stop(self) -> None:
        """Stop retrying commits: another worker repeats the attempts that are not committed."""
        self._stopping.set()

    def commit_cached(self, claim: Claim, items: Sequence[ClaimedItem]) -> int:
        """Commit the leading items whose masks are stored, in one step. Returns their number.

        The first item without a stored mask ends the search, so a new image is looked up only
        once. No image is decoded, so no attempt is counted. Raises `StoreUnavailable` and
        `RecordsUnavailable`.
        """
        cached: dict[int, Segmentation] = {}
        for item, found in zip(items, self._find_all(claim, items), strict=False):
            if found is None:
                break
            cached[item.index] = found
        committed = self._leases.commit_cached(claim, cached) if cached else 0
        ITEMS.labels(claim.lane, "cached", "").inc(committed)
        with self._lock:
            self.items_done += committed
        return len(cached)

    def _find_all(
        self, claim: Claim, items: Sequence[ClaimedItem]
    ) -> Iterator[Segmentation | None]:
        """Look up stored masks in the order of the items.

        The first item is looked up alone. If the caller goes on, the others are looked up in
        parallel.
        """
        yield from (self._find(claim, item) for item in items[:1])
        if self._pipeline.lookups == 1:
            yield from (self._find(claim, item) for item in items[1:])
            return
        with ThreadPoolExecutor(self._pipeline.lookups, "lookup") as threads:
            for start in range(1, len(items), self._pipeline.lookups):
                group = items[start : start + self._pipeline.lookups]
                yield from threads.map(partial(self._find, claim), group)

    def _find(self, claim: Claim, item: ClaimedItem) -> Segmentation | None:
        try:
            return self._pipeline.find(self._task(claim, item))
        except Unavailable:
            raise
        except Exception:
            # The attempt will meet the same error and handle it.
            return None

    def with_flights(self, claim: Claim) -> Claim:
        """The claim, with `ImageTask.flight` in each item."""
        return replace(claim, items=[self._with_flight(claim, item) for item in claim.items])

    def run(self, claim: Claim, item: ClaimedItem, *, isolated: bool = False) -> Verdict:
        """Make an attempt that the records have counted; `isolated` if the item is a suspect."""
        about = {"job_id": claim.job_id, "item": item.index, "image": item.item.image}
        with bound(**claim.origin, **about):
            verdict = self._run(claim, item, isolated)
        ATTEMPTS.labels(claim.lane, verdict).inc()
        self._consumption.progress(claim.lane)
        return verdict

    def _run(self, claim: Claim, item: ClaimedItem, isolated: bool) -> Verdict:
        try:
            outcome = self._outcome(claim, item, isolated)
            committed = self._commit(claim, item, outcome)
        except Unavailable as error:
            log.warning("the item is given back: %s", error)
            self.outage = str(error)
            return Verdict.RETURNED
        except UNCERTAIN as error:
            log.warning("the item is tried again: %s", error)
            return Verdict.SUSPECT
        except BaseException:
            log.exception("unexpected error")
            return Verdict.SUSPECT
        if not committed:
            return Verdict.IGNORED
        if outcome.error:
            log.info("item failed", extra={"code": outcome.cause, "reason": outcome.error.detail})
        ITEMS.labels(claim.lane, outcome.name, outcome.cause).inc()
        with self._lock:
            self.items_done += 1
        return Verdict.FAILED if outcome.error else Verdict.SUCCEEDED

    def _with_flight(self, claim: Claim, item: ClaimedItem) -> ClaimedItem:
        try:
            return replace(item, flight=self._task(claim, item).flight)
        except Exception:
            # The attempt will meet the same error and handle it.
            return item

    def _task(self, claim: Claim, item: ClaimedItem, *, isolated: bool = False) -> ImageTask:
        return self._pipeline.task(
            item.item,
            claim.model,
            claim.lane,
            claim.parameters,
            with_confidence=claim.confidence,
            isolated=isolated,
            job_id=claim.job_id,
            index=item.index,
        )

    def _outcome(self, claim: Claim, item: ClaimedItem, isolated: bool) -> Outcome:
        """The outcome of an attempt. Raises an error that may not recur, if attempts are left."""
        is_last = item.attempts + 1 >= self._leases.max_attempts
        try:
            result, confusion = self._segment(claim, item, isolated)
            return Outcome(result=result, confusion=confusion)
        except Unavailable:
            raise
        except RoadmaskError as error:
            if isinstance(error, UNCERTAIN) and not is_last:
                raise
            return Outcome(error=Problem.model_validate(error.problem()))
        except BaseException as error:
            if not is_last:
                raise
            log.exception("the last attempt at the item fails")
            fault = ItemError(f"Segmenting raised {type(error).__name__}: {error}"[:500])
            return Outcome(error=Problem.model_validate(fault.problem()))

    def _segment(self, claim: Claim, item: ClaimedItem, isolated: bool) -> Segmentation:
        """Raises `Unavailable` if this worker cannot load the model, and another one may."""
        try:
            task = self._task(claim, item, isolated=isolated)
        except Exception as error:
            self._leave_to_others(claim, error)
            raise
        try:
            found = self._pipeline.segment(task)
        except NO_MODEL as error:
            self._leave_to_others(claim, error)
            raise
        finally:
            observe_stages(claim.lane, task.timings)
        if not found.result.cached:
            self._unloadable.remove(claim.model)
        return found

    def _leave_to_others(self, claim: Claim, error: Exception) -> None:
        """Note that this worker cannot load the model; raise `Unavailable` if another one may.

        Each worker publishes the models that it cannot load. Attempts count as soon as no worker
        is left that may load the model.
        """
        if isinstance(error, (Unavailable, InvalidRequest)):
            return
        self._unloadable.add(claim.model)
        if self._unloadable.may_load_elsewhere(claim.model, claim.lane):
            raise Unavailable(f"This worker cannot run the model {claim.model}: {error}") from error

    def _commit(self, claim: Claim, item: ClaimedItem, outcome: Outcome) -> bool:
        deadline = time.monotonic() + self._commit_timeout_s
        while True:
            try:
                return self._leases.commit(
                    claim, item.index, outcome.result, outcome.error, outcome.confusion
                )
            except RecordsUnavailable:
                if time.monotonic() > deadline or self._stopping.wait(COMMIT_RETRY_S):
                    raise
