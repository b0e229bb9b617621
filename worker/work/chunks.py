"""Chunks: a worker claims a range of a job's items and runs them.

The job records decide everything: which items are open, whether an attempt may start, and whether
an outcome still counts. A chunk that is abandoned at any point is simply claimed again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from roadmask.errors import Unavailable
from roadmask.schemas.jobs import Lane
from storage.jobs.leases import Claim, ClaimedItem, Leases
from storage.queue import JobQueue
from worker.background.lease_renewer import LeaseRenewer
from worker.background.watchdog import Watchdog
from worker.work.attempts import AttemptRunner, Verdict
from worker.work.lane_limits import LaneLimits

FIRST_PAUSE_S, MAX_PAUSE_S = 0.5, 10.0
"""Seconds to pause after a service was unavailable: twice as many after each outage in a row."""
MIN_POLL_S, MAX_POLL_S = 0.02, 0.5
"""Limits of the pauses between two checks of masks that another worker infers."""
MAX_CACHED_CHUNKS = 32
"""Chunks of cached masks that one message runs before other jobs of the lane get a thread."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChunkReport:
    """How a chunk ended, and whether its job goes on."""

    all_cached: bool = False
    """Whether every mask was stored already, so that the next chunk may be as quick."""
    has_more: bool = False
    """Whether the job may have more chunks to claim."""
    outage: bool = False
    """Whether the object store or Redis was unavailable."""


@dataclass(slots=True)
class ActiveChunk:
    """A chunk that this worker holds."""

    claim: Claim
    lost: threading.Event
    """Set when the lease was lost or the job has ended."""
    running: list[tuple[ClaimedItem, Future[Verdict]]] = field(default_factory=list)
    cached: int = 0
    """Items whose masks were stored already."""
    ended: list[Verdict] = field(default_factory=list)
    """Verdicts of the attempts that ran alone, and of those that `end_running` waited for."""
    suspects: dict[int, ClaimedItem] = field(default_factory=dict)
    """By index: items whose attempt failed and that have attempts left. `attempts` counts the
    failed one."""

    def verdicts(self) -> list[Verdict]:
        """Verdicts of the attempts that have ended."""
        return self._running_verdicts() + self.ended

    def has_new_suspect(self) -> bool:
        """Whether a running attempt has ended with a suspect."""
        return Verdict.SUSPECT in self._running_verdicts()

    def end_running(self) -> None:
        """Wait for the running attempts, and remember their suspects."""
        for item, future in self.running:
            if future.result() is Verdict.SUSPECT:
                self.suspect(item)
        self.ended += self._running_verdicts()
        self.running.clear()

    def suspect(self, item: ClaimedItem) -> None:
        """Remember an item whose attempt has failed, and count the attempt."""
        self.suspects[item.index] = replace(item, attempts=item.attempts + 1)

    def _running_verdicts(self) -> list[Verdict]:
        return [future.result() for _, future in self.running if future.done()]


class ChunkRunner:
    """Claims chunks and runs their items. Several threads may call `run` at once.

    `lanes` are the lanes that this worker serves. If it serves the interactive lane, batch chunks
    yield to interactive jobs.
    """

    def __init__(
        self,
        leases: Leases,
        queue: JobQueue,
        renewer: LeaseRenewer,
        attempts: AttemptRunner,
        watchdog: Watchdog,
        *,
        worker_id: str,
        lanes: frozenset[Lane],
        max_batch: int,
    ) -> None:
        self._leases = leases
        self._queue = queue
        self._renewer = renewer
        self._attempts = attempts
        self._watchdog = watchdog
        self._worker_id = worker_id
        self._yields = Lane.INTERACTIVE in lanes
        self._max_batch = max_batch
        # One batch in the model, one being decoded, one being stored.
        in_progress = 3 * max_batch
        self._limits = LaneLimits(in_progress, group=max(1, max_batch // 2))
        self._threads = {lane: ThreadPoolExecutor(in_progress, f"{lane}-item") for lane in Lane}
        self.stopping = threading.Event()
        """Set by `stop`."""
        self._pause_s = FIRST_PAUSE_S
        """Pause after the next outage."""
        self.outage: str | None = None
        """Why the last chunk could not be finished; None if it was."""

    def stop(self) -> None:
        """Start no more items; the current ones run to their end."""
        self.stopping.set()
        self._attempts.stop()

    def close(self) -> None:
        """End the item threads."""
        for threads in self._threads.values():
            threads.shutdown()

    def run(self, job_id: str, lane: Lane) -> None:
        """Claim and run one chunk of the job, then send the message for its next chunk.

        After a chunk of cached masks, the next chunk follows at once, up to `MAX_CACHED_CHUNKS`.
        """
        try:
            for _ in range(MAX_CACHED_CHUNKS):
                report = self._run_next(job_id)
                if not (report.all_cached and report.has_more):
                    break
        except Unavailable as error:
            log.warning("the chunk is given back: %s", error)
            self.outage = str(error)
            report = ChunkReport(has_more=True, outage=True)
        self._pause(report.outage)
        if report.has_more:
            self._queue.send(job_id, lane)

    def _run_next(self, job_id: str) -> ChunkReport:
        claim = self._leases.claim(job_id, self._worker_id)
        if claim is None:
            return ChunkReport()
        start = time.monotonic()
        with self._renewer.hold(claim) as lost:
            chunk = ActiveChunk(claim, lost)
            try:
                self._run_items(chunk)
            finally:
                wait(future for _, future in chunk.running)
                # Unfinished items are queued again; only the attempts of suspects count.
                has_more = self._leases.release(claim, chunk.suspects)
        _log(chunk, time.monotonic() - start)
        outage = Verdict.RETURNED in chunk.verdicts()
        self.outage = self._attempts.outage if outage else None
        return ChunkReport(
            all_cached=chunk.cached == len(claim.items), has_more=has_more, outage=outage
        )

    def _run_items(self, chunk: ActiveChunk) -> None:
        """Run the items of a chunk until all have ended or the chunk must be left."""
        # An interactive job is usually one image, and its attempt finds a stored mask as fast.
        if chunk.claim.lane is Lane.BATCH and not self._must_leave(chunk):
            chunk.cached = self._attempts.commit_cached(chunk.claim, chunk.claim.items)
        items = chunk.claim.items[chunk.cached :]
        chunk.claim = self._attempts.with_flights(replace(chunk.claim, items=items))
        items = chunk.claim.items
        fresh = [item for item in items if item.attempts == 0]
        suspects = [item for item in items if item.attempts > 0]
        while fresh or suspects:
            fresh = self._run_together(chunk, fresh)
            chunk.end_running()
            self._run_isolated(chunk, suspects)
            suspects = []

    def _run_together(self, chunk: ActiveChunk, items: list[ClaimedItem]) -> list[ClaimedItem]:
        """Run items. Items in flight in another worker are tried again until their masks exist.

        If an item of the chunk becomes a suspect, returns the items that are still in flight
        elsewhere. A suspect keeps its flight until it has run alone, so two workers that waited
        for each other's suspects would wait for ever.
        """
        pauses = _pauses()
        while items:
            elsewhere = self._run_groups(chunk, items)
            if not elsewhere or self._must_leave(chunk):
                return []
            if chunk.has_new_suspect():
                return elsewhere
            if len(elsewhere) < len(items):
                pauses = _pauses()
            self.stopping.wait(next(pauses))
            items = elsewhere
        return []

    def _run_groups(self, chunk: ActiveChunk, items: list[ClaimedItem]) -> list[ClaimedItem]:
        """Run items in groups; return those that are in flight in another worker."""
        lane = chunk.claim.lane
        elsewhere: list[ClaimedItem] = []
        while items:
            slots = self._limits.acquire(lane, min(self._max_batch, len(items)))
            started: list[ClaimedItem] = []
            try:
                # Checked only now, because the wait for a slot may have been long.
                if self._must_leave(chunk):
                    return []
                group, items = items[:slots], items[slots:]
                started, put_off = self._begin(chunk.claim, group)
            finally:
                self._limits.release(lane, slots - len(started))
            # This thread runs the last item itself: it would only wait for it.
            own = started.pop() if started and not (items or put_off or elsewhere) else None
            for item in started:
                future = self._threads[lane].submit(self._run_in_slot, chunk.claim, item)
                chunk.running.append((item, future))
            if own is not None:
                self._run_here(chunk, own)
                return []
            if not started and not put_off:
                return []
            elsewhere += put_off
        return elsewhere

    def _run_isolated(self, chunk: ActiveChunk, suspects: list[ClaimedItem]) -> None:
        """Run each suspect alone, so that an item that kills the process is known.

        `suspects` come from earlier leases; those of this chunk follow. A suspect that fails again
        moves to the end of the line, because a machine recovers with time.
        """
        waiting = deque([*suspects, *chunk.suspects.values()])
        pauses = _pauses()
        while waiting:
            suspect = waiting.popleft()
            with self._limits.exclusive():
                if self._must_leave(chunk):
                    return
                started, put_off = self._begin(chunk.claim, [suspect])
                if started and self._run_suspect(chunk, suspect) is Verdict.SUSPECT:
                    waiting.append(chunk.suspects[suspect.index])
            waiting.extend(put_off)
            if put_off:
                self.stopping.wait(next(pauses))

    def _run_suspect(self, chunk: ActiveChunk, item: ClaimedItem) -> Verdict:
        chunk.suspects.pop(item.index, None)
        verdict = self._attempts.run(chunk.claim, item, isolated=True)
        chunk.ended.append(verdict)
        # A model call that still runs has exceeded its limit, and blocks the next image.
        self._watchdog.expect_returned(chunk.claim.job_id, item.index)
        if verdict is Verdict.SUSPECT:
            chunk.suspect(item)
        return verdict

    def _begin(
        self, claim: Claim, items: list[ClaimedItem]
    ) -> tuple[list[ClaimedItem], list[ClaimedItem]]:
        """Begin attempts. Returns the begun items and the items in flight in another worker."""
        reply = self._leases.begin(replace(claim, items=items), [item.index for item in items])
        begun, elsewhere = set(reply.begun), set(reply.elsewhere)
        return (
            [item for item in items if item.index in begun],
            [item for item in items if item.index in elsewhere],
        )

    def _run_in_slot(self, claim: Claim, item: ClaimedItem) -> Verdict:
        try:
            return self._attempts.run(claim, item)
        finally:
            self._limits.release(claim.lane)

    def _run_here(self, chunk: ActiveChunk, item: ClaimedItem) -> None:
        future: Future[Verdict] = Future()
        chunk.running.append((item, future))
        try:
            future.set_result(self._run_in_slot(chunk.claim, item))
        except BaseException as error:
            future.set_exception(error)

    def _must_leave(self, chunk: ActiveChunk) -> bool:
        if self.stopping.is_set() or chunk.lost.is_set() or Verdict.RETURNED in chunk.verdicts():
            return True
        # An interactive job is waiting, and this thread could run it.
        return (
            self._yields
            and chunk.claim.lane is Lane.BATCH
            and self._queue.depth(Lane.INTERACTIVE) > 0
        )

    def _pause(self, outage: bool) -> None:
        """Back off exponentially after an outage."""
        pause_s = self._pause_s
        self._pause_s = min(2 * pause_s, MAX_PAUSE_S) if outage else FIRST_PAUSE_S
        if outage:
            self.stopping.wait(pause_s)


def _pauses() -> Iterator[float]:
    """Seconds between checks of masks that another worker infers: exponential back-off."""
    pause = MIN_POLL_S
    while True:
        yield pause
        pause = min(2 * pause, MAX_POLL_S)


def _log(chunk: ActiveChunk, seconds: float) -> None:
    counts = Counter(verdict.value for verdict in chunk.verdicts())
    if chunk.cached:
        counts["cached"] = chunk.cached
    claim = chunk.claim
    about = {**claim.origin, "chunk": claim.chunk, "lane": claim.lane.value}
    summary = dict(sorted(counts.items())) or {"started": 0}
    log.info("chunk ended", extra={**about, **summary, "seconds": round(seconds, 2)})
