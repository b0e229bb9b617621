"""The table of faults as Markdown, for `docs/reliability.md`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from tests.faults.run import Row

HEADS = (
    "fault",
    "items accepted",
    "lost",
    "counted twice",
    "failed unjustly",
    "inferred twice",
    "recovery p50 s",
    "p95 s",
    "max s",
    "slowest /readyz s",
    "runs",
)


def markdown(rows: Sequence[Row]) -> str:
    """One line for each fault; several runs of a fault are added up. The last line is the sum."""
    heads = [HEADS, ["---", *["---:"] * (len(HEADS) - 1)]]
    names = dict.fromkeys(row.fault for row in rows)
    body = [_cells(name, [row for row in rows if row.fault == name]) for name in names]
    return "\n".join(map(_line, [*heads, *body, _cells("**all**", rows)]))


def _cells(name: str, rows: Sequence[Row]) -> list[str]:
    reports = [row.report for row in rows]
    sums = (
        sum(report.items for report in reports),
        sum(report.lost for report in reports),
        sum(report.counted_twice for report in reports),
        sum(report.failed_unjustly for report in reports),
        sum(row.inferred_twice for row in rows),
    )
    items_s = sorted(chain.from_iterable(row.recovery.items_s for row in rows)) or [0.0]
    slowest_s = max((row.recovery.total_s for row in rows), default=0.0)
    ready_s = max((row.slowest_ready_s for row in rows), default=0.0)
    seconds = (percentile(items_s, 50), percentile(items_s, 95), slowest_s, ready_s)
    return [name, *map(str, sums), *(f"{value:.1f}" for value in seconds), str(len(rows))]


def percentile(values: Sequence[float], percent: int) -> float:
    """The least of sorted values that `percent` percent of them do not exceed."""
    return values[max(0, -(-len(values) * percent // 100) - 1)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
