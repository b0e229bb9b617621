"""What must hold for a job that has ended, whatever broke meanwhile, as its client can see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from roadmask.client.client import Client
from roadmask.errors import RoadmaskError
from roadmask.hashing import sha256_of
from roadmask.schemas.jobs import FINAL_ITEM_STATES, FINAL_STATES, Item, ItemState, Job, JobState


@dataclass(frozen=True, slots=True)
class ExpectedItem:
    """What is known of an item of the job before it runs."""

    mask: str | None
    """sha256 of its mask in a run without faults; None for an image that cannot be segmented."""
    may_fail: bool = False
    """Whether the image itself, or what the fault destroyed, is to blame for a failure."""


@dataclass(slots=True)
class InvariantReport:
    """Counts of items, and violated invariants, over all checked jobs."""

    items: int = 0
    lost: int = 0
    """Items without a final state."""
    counted_twice: int = 0
    """Items with more than one event, or beyond the total in the counters."""
    failed_unjustly: int = 0
    """Items that ended without a mask although nothing about them is to blame."""
    violations: list[str] = field(default_factory=list)
    """A sentence for each violated invariant."""


class InvariantCheck:
    """Checks one job after another, and adds up what it finds in `report`."""

    def __init__(self, client: Client) -> None:
        self.report = InvariantReport()
        self._client = client
        self._masks: dict[str, str] = {}
        """sha256 of each mask that was fetched, by its key."""

    def check(
        self, job_id: str, expected: Sequence[ExpectedItem], *, has_all_events: bool = True
    ) -> None:
        """Check a job of these items.

        Without `has_all_events` the service need not have the events from before the fault. Raises
        what the client raises.
        """
        job, found = self._client.job(job_id), self.report.violations
        states: Counter[ItemState] = Counter()
        worked_on: set[int] = set()
        for item in self._client.results(job_id):
            states[item.state] += 1
            # Items that a cancellation ended have no events of their own.
            if item.state is not ItemState.CANCELED:
                worked_on.add(item.index)
            if item.index < len(expected):
                found += self._wrong_end(job, item, expected[item.index])
        self.report.items += len(expected)
        found += self._wrong_counts(job, states, len(expected))
        found += self._wrong_events(job_id, worked_on if has_all_events else set())

    def _wrong_counts(self, job: Job, states: Counter[ItemState], total: int) -> Iterator[str]:
        if job.state not in FINAL_STATES:
            yield f"job {job.id} has not ended: {job.state}"
        self.report.lost += max(0, total - sum(states[state] for state in FINAL_ITEM_STATES))
        counts = job.counts.model_dump()
        for state in FINAL_ITEM_STATES:
            if counts[state.value] != states[state]:
                yield (
                    f"job {job.id} counts {counts[state.value]} {state.value}, "
                    f"its items are {states[state]}"
                )
        ended = sum(counts[state.value] for state in FINAL_ITEM_STATES)
        self.report.counted_twice += max(0, ended - total)
        if counts["total"] != total:
            yield f"job {job.id} has {counts['total']} items of {total}"

    def _wrong_end(self, job: Job, item: Item, known: ExpectedItem) -> Iterator[str]:
        where = f"item {item.index} of job {job.id}"
        if item.state is ItemState.SUCCEEDED:
            yield from self._wrong_mask(where, item, known)
            return
        cause = item.error if item.state is ItemState.FAILED else job.error
        was_canceled = item.state is ItemState.CANCELED and job.state is JobState.CANCELED
        if item.state in FINAL_ITEM_STATES and cause is None and not was_canceled:
            yield f"{where} is {item.state} without a cause"
        if item.state in FINAL_ITEM_STATES and not (known.may_fail or was_canceled):
            self.report.failed_unjustly += 1
            yield f"{where} is {item.state}: {cause}"

    def _wrong_mask(self, where: str, item: Item, known: ExpectedItem) -> Iterator[str]:
        if item.result is None:
            # The result of an item whose record was destroyed says so itself.
            if item.error is None or not known.may_fail:
                yield f"{where} succeeded without a result"
            return
        if known.mask is None:
            yield f"{where} has a mask, although its image cannot be segmented"
            return
        key = item.result.mask_key
        if key not in self._masks:
            try:
                self._masks[key] = sha256_of(self._client.mask_bytes(item))
            except RoadmaskError as error:
                yield f"{where} has a mask that is not served: {error.detail}"
                return
        if self._masks[key] != known.mask or item.result.mask_sha256 not in (None, known.mask):
            yield f"{where} has another mask than without the fault"

    def _wrong_events(self, job_id: str, worked_on: set[int]) -> Iterator[str]:
        ended: Counter[int] = Counter()
        last, ordered, is_complete = (0, 0), True, False
        for event in self._client.events(job_id):
            if event.type == "item":
                ended[event.data["index"]] += 1
            if event.id:
                position = _position(event.id)
                ordered, last = ordered and position >= last, position
            is_complete = event.is_last
        self.report.counted_twice += sum(count - 1 for count in ended.values())
        if repeated := sorted(index for index, count in ended.items() if count > 1):
            yield f"job {job_id} has several events for items {repeated[:9]}"
        if missing := sorted(worked_on - set(ended)):
            yield f"job {job_id} has no event for items {missing[:9]}"
        if not ordered:
            yield f"the events of job {job_id} are out of order"
        if not is_complete:
            yield f"job {job_id} has no last event"


def _position(event_id: str) -> tuple[int, int]:
    """The two numbers of the id of a Redis stream entry: milliseconds and sequence number."""
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number or 0)
