"""Runs faults against a service and gathers a row of the table for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle, islice

from roadmask.local.invariants import InvariantReport
from tests.faults.faults import FAULTS, Fault
from tests.faults.invariants import check, repeated_inferences
from tests.faults.ready_probe import ReadyProbe
from tests.faults.service import FaultyService, Limits, StoreKind
from tests.faults.workload import Recovery, Sample, Workload


@dataclass(frozen=True)
class Row:
    """What a fault cost."""

    fault: str
    report: InvariantReport
    inferred_twice: int
    recovery: Recovery
    slowest_ready_s: float
    """Seconds of the slowest answer of `/readyz` during the fault."""


def faults_of(store: StoreKind, names: Iterable[str] = ()) -> list[Fault]:
    """The faults that concern a store, or those of them whose names contain one of `names`."""
    wanted = list(names)
    return [
        fault
        for fault in FAULTS
        if fault.store in (None, store)
        and (not wanted or any(name in fault.name for name in wanted))
    ]


def run_fault(
    service: FaultyService, fault: Fault, items: int | None = None, distinct: int | None = None
) -> Row:
    """Run one job through a fault, wait for its end, and check the invariants.

    The job has `items` items, by default those of the fault, of `distinct` images, by default an
    image of its own for each.
    """
    service.heal()
    poison = frozenset([fault.poison] if fault.poison and fault.is_to_blame else [])
    workload = Workload(service, poison, fault.keeps_events)
    total = items or fault.images
    samples = [Sample.make() for _ in range(min(distinct or total, total))]
    if fault.poison:
        samples[len(samples) // 2] = Sample.make(fault.poison)
    workload.submit(list(islice(cycle(samples), total)))
    workload.wait_for_share(0.1)
    with ReadyProbe(service.api.url) as probe:
        fault.inject(workload)
        recovery = workload.watch_until_ended(patience_s(service.limits))
    report = check(workload)
    if not recovery.complete:
        report.violations.append(f"the jobs have not ended within {recovery.total_s:.0f} s")
    repeated = repeated_inferences(workload)
    return Row(fault.name, report, repeated, recovery, probe.slowest_s)


def patience_s(limits: Limits) -> float:
    """Seconds for which the end of a job is awaited: enough for all attempts at a hanging image."""
    return 300 + 3 * limits.lease_s + 10 * limits.deadline_s
