"""Chunks: a claimed range of a job, taken through the pipeline item by item.

The job's record decides everything: which items are open, whether an attempt may begin, whether an
outcome still counts. A chunk that is given up at any point is simply claimed again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from roadmask.errors import Unavailable
from roadmask.jobs import Lane
from storage.dispatch import Dispatch
from storage.leases import Claim, ClaimedItem, Leases
from worker.attempts import Attempts, Verdict
from worker.keeper import Keeper
from worker.slots import Slots
from worker.watchdog import Watchdog

LONGEST_PAUSE_S = 10.0
KNOWN_IN_A_ROW = 32
"""Chunks of known masks that one job may have before others of its lane have their turn."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Hold:
    """A chunk in this worker's hands."""

    claim: Claim
    lost: threading.Event
    """Set once the chunk is somebody else's, or its job closed."""
    running: list[tuple[ClaimedItem, Future[Verdict]]] = field(default_factory=list)
    known: int = 0
    """Items whose masks were there already."""
    verdicts: list[Verdict] = field(default_factory=list)
    """Of the attempts that were made alone."""

    def ended(self) -> list[Verdict]:
        """The verdicts that are known by now."""
        return [task.result() for _, task in self.running if task.done()] + self.verdicts


class Chunks:
    """Claims chunks of jobs and works on them; `work` runs in several threads at once.

    `lanes` are those this worker serves: where interactive is among them, batch chunks make way.
    """

    def __init__(
        self,
        leases: Leases,
        dispatch: Dispatch,
        keeper: Keeper,
        attempts: Attempts,
        watchdog: Watchdog,
        *,
        worker_id: str,
        lanes: frozenset[Lane],
        max_batch: int,
    ) -> None:
        self._leases = leases
        self._dispatch = dispatch
        self._keeper = keeper
        self._attempts = attempts
        self._watchdog = watchdog
        self._worker_id = worker_id
        self._makes_way = Lane.INTERACTIVE in lanes
        self._max_batch = max_batch
        # A batch in the model, one on its way there, one on its way to the store.
        in_hand = 3 * max_batch
        self._slots = Slots(in_hand, together=max(1, max_batch // 2))
        self._threads = {lane: ThreadPoolExecutor(in_hand, f"{lane}-item") for lane in Lane}
        self._stopping = threading.Event()
        self._outages = 0

    def stop(self) -> None:
        """Begin nothing more; what is in hand is finished."""
        self._stopping.set()
        self._attempts.stop()

    def close(self) -> None:
        """End the item threads."""
        for threads in self._threads.values():
            threads.shutdown()

    def work(self, job_id: str, lane: Lane) -> None:
        """Take one chunk of the job, if it has one, and send for somebody to take the next.

        After one whose masks were all there already, the next is taken at once, a few times.
        """
        try:
            for _ in range(KNOWN_IN_A_ROW):
                is_quick, has_more, outage = self._take(job_id)
                if not (is_quick and has_more):
                    break
        except Unavailable as error:
            log.warning("job %s: %s", job_id, error)
            has_more, outage = True, True
        self._pause(outage)
        if has_more:
            self._dispatch.send(job_id, lane)

    def _take(self, job_id: str) -> tuple[bool, bool, bool]:
        """Whether all masks were there already, whether the job has more to claim, and whether a
        part of the service was out of reach."""
        claim = self._leases.claim(job_id, self._worker_id)
        if claim is None:
            return False, False, False
        begun = time.monotonic()
        with self._keeper.keep(claim) as lost:
            hold = Hold(claim, lost)
            try:
                self._run(hold)
            finally:
                wait(task for _, task in hold.running)
                # What was begun and did not end is given back here, its attempt uncounted.
                has_more = self._leases.release(claim)
        _report(hold, time.monotonic() - begun)
        return hold.known == len(claim.items), has_more, Verdict.RETURNED in hold.ended()

    def _run(self, hold: Hold) -> None:
        """Work on the chunk's items until they ended or there is a reason to leave it."""
        # Where somebody waits for a single image, its attempt finds the mask just as soon.
        if hold.claim.lane is Lane.BATCH and not self._should_leave(hold):
            hold.known = self._attempts.recall(hold.claim, hold.claim.items)
        items = hold.claim.items[hold.known :]
        self._run_together(hold, [item for item in items if item.attempts == 0])
        unforeseen = [item for item, task in hold.running if task.result() is Verdict.SUSPECT]
        self._run_alone(hold, unforeseen + [item for item in items if item.attempts > 0])

    def _run_together(self, hold: Hold, items: list[ClaimedItem]) -> None:
        lane = hold.claim.lane
        while items:
            room = self._slots.take(lane, min(self._max_batch, len(items)))
            # Asked here and not before: waiting for a place may have taken long.
            if self._should_leave(hold):
                self._slots.free(lane, room)
                return
            group, items = items[:room], items[room:]
            begun: list[ClaimedItem] = []
            try:
                begun = self._begin(hold.claim, group)
            finally:
                self._slots.free(lane, room - len(begun))
            for item in begun:
                task = self._threads[lane].submit(self._attempt_in_slot, hold.claim, item)
                hold.running.append((item, task))
            if not begun:
                return

    def _run_alone(self, hold: Hold, suspects: list[ClaimedItem]) -> None:
        """Items whose last attempt did not end as it should: no neighbour shall suffer again."""
        for suspect in suspects:
            with self._slots.alone():
                if self._should_leave(hold):
                    return
                for item in self._begin(hold.claim, [suspect]):
                    hold.verdicts.append(self._attempts.make(hold.claim, item, alone=True))
                    self._watchdog.expect_silence()

    def _begin(self, claim: Claim, items: list[ClaimedItem]) -> list[ClaimedItem]:
        allowed = set(self._leases.begin(claim, [item.index for item in items]))
        return [item for item in items if item.index in allowed]

    def _attempt_in_slot(self, claim: Claim, item: ClaimedItem) -> Verdict:
        try:
            return self._attempts.make(claim, item)
        finally:
            self._slots.free(claim.lane)

    def _should_leave(self, hold: Hold) -> bool:
        if self._stopping.is_set() or hold.lost.is_set() or Verdict.RETURNED in hold.ended():
            return True
        # Somebody is waiting: this thread is wanted in the other lane.
        return (
            self._makes_way
            and hold.claim.lane is Lane.BATCH
            and self._dispatch.depth(Lane.INTERACTIVE) > 0
        )

    def _pause(self, outage: bool) -> None:
        """After an outage wait before the next chunk, longer each time."""
        self._outages = self._outages + 1 if outage else 0
        if outage:
            self._stopping.wait(min(0.25 * 2**self._outages, LONGEST_PAUSE_S))


def _report(hold: Hold, seconds: float) -> None:
    counts = Counter(verdict.value for verdict in hold.ended())
    if hold.known:
        counts["known"] = hold.known
    outcome = " ".join(f"{what}={count}" for what, count in sorted(counts.items()))
    log.info(
        "chunk job=%s chunk=%d lane=%s %s seconds=%.2f",
        hold.claim.job_id,
        hold.claim.chunk,
        hold.claim.lane,
        outcome or "begun=0",
        seconds,
    )
