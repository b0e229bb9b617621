"""`roadmask store verify`: read all stored objects, and report damaged ones."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from roadmask.cli.display.output import say
from roadmask.errors import RoadmaskError
from roadmask.exit_codes import Exit
from storage.connections import command_settings

if TYPE_CHECKING:
    from storage.verification.verifier import Verifier

PROGRESS_S = 5.0
"""Seconds between two lines of progress."""


@click.command()
@click.option(
    "--repair",
    is_flag=True,
    help="Restore objects from Redis, delete damaged masks, and ask clients for missing uploads.",
)
@click.pass_context
def verify(ctx: click.Context, repair: bool) -> None:
    """Read all images, truths, masks, catalogue entries, jobs and models, and check them.

    It may run beside the service. Each damaged object is a line on stdout; progress goes to
    stderr. Exits with 1 if something is damaged that was not repaired.
    """
    from storage.backends import StorageBackends
    from storage.verification.verifier import Verifier

    storage = StorageBackends.open(command_settings())
    verifier = Verifier(storage, repair=repair)
    left = 0
    try:
        storage.store.check()
        for kind in verifier.kinds:
            left += _verify(verifier, kind)
    except RoadmaskError as error:
        raise click.ClickException(error.detail) from error
    finally:
        storage.close()
    ctx.exit(Exit.FAILURES if left else Exit.OK)


def _verify(verifier: Verifier, kind: str) -> int:
    """Verify one kind; return how many damaged objects are left."""
    checked = damaged = repaired = 0
    reported_at = time.monotonic()
    for found in verifier.kinds[kind]():
        checked += 1
        if found.fault is not None:
            damaged += 1
            repaired += found.repair is not None
            then = f" Repaired: {found.repair}." if found.repair else ""
            say(f"damaged: {found.key}: {found.fault.rstrip('.')}.{then}")
        if time.monotonic() - reported_at >= PROGRESS_S:
            reported_at = time.monotonic()
            say(f"{kind}: {checked:,} checked so far, {damaged:,} damaged", err=True)
    repairs = f", {repaired:,} of them repaired" if damaged else ""
    say(f"{kind}: {checked:,} checked, {damaged:,} damaged{repairs}")
    return damaged - repaired
