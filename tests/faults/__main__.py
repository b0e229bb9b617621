"""`python -m tests.faults`: all faults as a table, or random ones for hours."""

from __future__ import annotations

import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from roadmask.errors import RoadmaskError
from roadmask.local.invariants import InvariantReport
from tests.faults.faults import EVERYTHING, Fault
from tests.faults.footprint import Footprint
from tests.faults.interactive import Waits, measure_round
from tests.faults.run import Row, faults_of, run_fault
from tests.faults.service import DEFAULT, SHORT, FaultyService, StoreKind
from tests.faults.table import markdown, percentile
from tests.faults.workload import Recovery

STORES = click.Choice(["local", "minio"])
MOST_EVENTS = 4000
"""Items of a job of which the service keeps all events."""
LIMITS = {"short": SHORT, "default": DEFAULT}
limits_option = click.option(
    "--limits",
    type=click.Choice(list(LIMITS)),
    default="short",
    show_default=True,
    help="Lease, deadline of an item and pause of the reconciler: those of an operator who sets "
    "none, or short ones.",
)
store_option = click.option("--store", type=STORES, default="local", show_default=True)


@click.group()
def main() -> None:
    """Break a real service in many ways and check what must hold after each."""


@main.command()
@store_option
@limits_option
@click.option("--only", "names", multiple=True, help="Run the faults whose names contain this.")
@click.option("--runs", default=1, show_default=True, help="Times that each fault is run.")
def table(store: StoreKind, limits: str, names: tuple[str, ...], runs: int) -> None:
    """Run all faults in order and print the table. Exit code 1: an invariant did not hold."""
    _run_all(store, limits, faults_of(store, names) * runs)


@main.command()
@store_option
@limits_option
@click.option("--hours", default=1.0, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Seed of the order of faults.")
def soak(store: StoreKind, limits: str, hours: float, seed: int) -> None:
    """Run random faults for some hours and print the table of all of them."""
    order, end = random.Random(seed), time.monotonic() + hours * 3600
    faults = faults_of(store)
    going_on = iter(lambda: time.monotonic() < end, False)
    _run_all(store, limits, (order.choice(faults) for _ in going_on))


@main.command()
@store_option
@limits_option
@click.option("--items", default=100_000, show_default=True)
@click.option("--images", default=1000, show_default=True, help="Distinct images of the job.")
def large(store: StoreKind, limits: str, items: int, images: int) -> None:
    """Run one job of many items while everything is killed in turn."""
    # Of a job of many items the service keeps the last events only.
    fault = replace(EVERYTHING, keeps_events=items <= MOST_EVENTS)
    _run_all(store, limits, [fault], items, images)


@main.command()
@click.option("--rounds", default=10, show_default=True)
def interactive(rounds: int) -> None:
    """Measure how long interactive images wait while suspects run alone on their worker."""
    waits = Waits()
    with tempfile.TemporaryDirectory() as folder, FaultyService(Path(folder), workers=1) as service:
        for _ in range(rounds):
            measure_round(service, waits)
    idle, suspects = sorted(waits.idle_s), sorted(waits.suspects_s)
    for name, seconds in (("idle", idle), ("while suspects run alone", suspects)):
        half, most = percentile(seconds, 50) * 1000, percentile(seconds, 95) * 1000
        click.echo(f"{name}: {len(seconds)} images, p50 {half:.0f} ms, p95 {most:.0f} ms")
    ratio = percentile(suspects, 95) / percentile(idle, 95)
    click.echo(f"{waits.suspects} suspects; the ratio of the p95 is {ratio:.2f}")


def _run_all(
    store: StoreKind,
    limits: str,
    faults: Iterable[Fault],
    items: int | None = None,
    images: int | None = None,
) -> None:
    """Run faults until there are no more, or until SIGINT or SIGTERM, and print their table."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="roadmask-faults-"))
    rows: list[Row] = []
    with FaultyService(folder, store, limits=LIMITS[limits]) as service:
        click.echo(f"before: {Footprint.of(service)}", err=True)
        with suppress(KeyboardInterrupt):
            for fault in faults:
                rows.append(_run(service, fault, items, images))
                _show(len(rows), rows[-1])
        click.echo(markdown(rows))
        service.heal()
        click.echo(f"after: {Footprint.of(service)}", err=True)
    if any(row.report.violations for row in rows):
        click.echo(f"Promises were broken; the logs are in {folder}.", err=True)
        sys.exit(1)
    shutil.rmtree(folder)


def _run(service: FaultyService, fault: Fault, items: int | None, images: int | None) -> Row:
    try:
        return run_fault(service, fault, items, images)
    except (AssertionError, RoadmaskError) as error:
        # Whatever keeps a run from its end may be a broken promise.
        report = InvariantReport(violations=[f"the run broke off: {error!r}"])
        return Row(fault.name, report, 0, Recovery(), 0.0)


def _show(number: int, row: Row) -> None:
    report, seconds = row.report, row.recovery.total_s
    shown = f"{row.fault}: {report.items} items, recovered in {seconds:.1f} s"
    click.echo(f"{time.strftime('%H:%M:%S')} {number}. {shown}", err=True)
    for violation in report.violations[:20]:
        click.echo(f"    {violation}", err=True)


if __name__ == "__main__":
    main()
