"""`roadmask store`: prepare the object store, verify it, and delete garbage."""

from __future__ import annotations

import json

import click

from roadmask.settings import Settings
from storage.connections import command_settings, open_store, store_location
from storage.verification.cli import verify


@click.group(invoke_without_command=True)
@click.pass_context
def store(ctx: click.Context) -> None:
    """Check that the object store can be used, and make a missing bucket or folder."""
    if ctx.invoked_subcommand is not None:
        return
    settings = Settings()
    open_store(settings).check()
    click.echo(f"The {settings.store} store is ready: {store_location(settings)}")


@store.command()
@click.option(
    "--older-than",
    "hours",
    type=click.FloatRange(min=2),
    default=24.0,
    show_default=True,
    help="Age in hours below which nothing counts as an orphan.",
)
@click.option("--dry-run", is_flag=True, help="Count only; delete nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
def gc(hours: float, dry_run: bool, as_json: bool) -> None:
    """Delete objects without references, and objects that are older than ROADMASK_KEEP_…_DAYS.

    Safe beside a running service. Run it once a day.
    """
    from storage.backends import StorageBackends

    storage = StorageBackends.open(command_settings())
    storage.store.check()
    counts = storage.garbage.collect(hours * 3600, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(dict(counts)))
        return
    did = "would be deleted" if dry_run else "deleted"
    for kind, count in sorted(counts.items()):
        click.echo(f"{count:,} of {kind} {did}")
    if not counts:
        click.echo("Nothing to delete.")


store.add_command(verify)
