"""`roadmask models`: which models there are for the service, and which of them is in service."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from roadmask.errors import ModelFailed, RecordsUnavailable, Unavailable
from roadmask.settings import Settings

if TYPE_CHECKING:
    from storage.artifacts import Artifacts, Stored
    from storage.in_service import Entry, InService

POLL_S = 0.5
OWN = "what each worker was started with"


@click.group()
def models() -> None:
    """Publish models to the object store, and choose the one in service.

    Uses the same ROADMASK_… settings as a worker.
    """


@models.command()
@click.argument("artifact")
def push(artifact: str) -> None:
    """Publish ARTIFACT: a folder, or a shipped model by its name or version."""
    from ml.artifact import find_artifact
    from storage.artifacts import Version

    found = find_artifact(artifact)
    version = Version(found.name, found.version)
    artifacts, _ = _open()
    is_new = artifacts.push(found.path, version)
    click.echo(f"{version} {'is published' if is_new else 'was published before'}.")


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the cards.")
def list_models(as_json: bool) -> None:
    """List published versions, and the history of what was in service."""
    artifacts, in_service = _open()
    current, history = in_service.last().model, in_service.history()
    stored = [artifacts.read(version) for version in artifacts.versions()]
    if as_json:
        told = [_facts(one, current) for one in stored]
        turns = [_turn(entry) for entry in history]
        click.echo(json.dumps({"in_service": current, "models": told, "history": turns}, indent=2))
    else:
        _print(stored, current, history)


@models.command()
@click.argument("model")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    help="Seconds that workers have to load it; 0 puts it into service at once.",
)
def promote(model: str, wait: float) -> None:
    """Put MODEL (a published name, version or name@version) into service.

    Workers first load it while they go on serving; then it is switched to, and no image waits or
    fails for it. Jobs accepted before keep their version.
    """
    artifacts, in_service = _open()
    version = artifacts.find(model)
    artifacts.check(version)
    before = in_service.last().model
    if before == str(version):
        click.echo(f"{version} is in service already.")
        return
    try:
        if wait:
            _have_loaded(in_service, str(version), wait)
    except RecordsUnavailable:
        click.echo("Redis is out of reach: workers load it when they see the change.", err=True)
    in_service.promote(str(version))
    click.echo(f"{version} is in service. Before it was {before or OWN}.")


@models.command()
def rollback() -> None:
    """Put back what was in service before; again, what was before that."""
    _, in_service = _open()
    before = in_service.last().model
    click.echo(f"{in_service.rollback().model or OWN} is in service again, no longer {before}.")


def _open() -> tuple[Artifacts, InService]:
    from storage.artifacts import Artifacts
    from storage.connections import connect_redis, open_store
    from storage.in_service import InService

    settings = Settings()
    store = open_store(settings)
    store.check()
    return Artifacts(store), InService(connect_redis(settings), store)


def _have_loaded(in_service: InService, model: str, seconds: float) -> None:
    """Wait until every living worker has the version in memory."""
    from storage.connections import connect_redis
    from storage.roll import Roll

    roll = Roll(connect_redis(Settings()))
    wish, end = in_service.prepare(model), time.monotonic() + seconds
    while True:
        workers = roll.alive()
        refused = [worker["id"] for worker in workers if wish in worker.get("refused", [])]
        missing = [worker["id"] for worker in workers if worker.get("ready") != wish]
        if refused:
            raise ModelFailed(
                f"Nothing was changed: {', '.join(refused)} cannot load {model}. See its log."
            )
        if not missing:
            return
        if time.monotonic() > end:
            raise Unavailable(
                f"Nothing was changed: after {seconds:g} s {', '.join(missing)} has not loaded "
                f"{model}. Give it more time with --wait, or promote at once with --wait 0."
            )
        time.sleep(POLL_S)


def _print(stored: list[Stored], current: str | None, history: list[Entry]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "model", "version", "MB", "published", "mean IoU", "measured on")
    for one in stored:
        measured = one.card.get("metrics") or [{}]
        table.add_row(
            "in service" if str(one.version) == current else "",
            one.version.name,
            one.version.version,
            f"{one.size / 1e6:.1f}",
            f"{one.pushed_at:%Y-%m-%d %H:%M}",
            _figure(measured[0].get("scores", {}).get("mean_iou")),
            measured[0].get("dataset", ""),
        )
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    console.print(f"In service: {current or OWN}.", highlight=False)
    for entry in history:
        console.print(f"{entry.made_at:%Y-%m-%d %H:%M:%S} {entry.action} {entry.model or OWN}")


def _facts(one: Stored, current: str | None) -> dict[str, Any]:
    return {
        "name": one.version.name,
        "version": one.version.version,
        "in_service": str(one.version) == current,
        "size": one.size,
        "pushed_at": one.pushed_at.isoformat(),
        "card": one.card,
    }


def _turn(entry: Entry) -> dict[str, Any]:
    return {"made_at": entry.made_at.isoformat(), "action": entry.action, "model": entry.model}


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
