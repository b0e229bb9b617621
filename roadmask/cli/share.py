"""`roadmask share`: let other keys read a job or a dataset."""

from __future__ import annotations

from typing import cast, get_args

import click

from roadmask.cli.display.output import say
from roadmask.cli.options.connection import connect, connection
from roadmask.schemas.ownership.sharing import SharedKind, Sharing
from roadmask.schemas.wire import requested


@click.command()
@click.argument("kind", type=click.Choice(get_args(SharedKind)))
@click.argument("name")
@click.option("--key", "keys", multiple=True, help="Id of a key: the 12 characters after rm_.")
@click.option("--everyone", is_flag=True, help="Share it with all keys.")
@click.option("--nobody", is_flag=True, help="End the sharing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
@connection
def share(
    kind: str,
    name: str,
    keys: tuple[str, ...],
    everyone: bool,
    nobody: bool,
    as_json: bool,
    url: str | None,
    api_key: str | None,
) -> None:
    """Let other keys read a job (its id) or a dataset; without options, show which ones may.

    The keys that are given replace those so far. Nobody else may change it or share it on.
    """
    if nobody and (keys or everyone):
        raise click.UsageError("--nobody ends the sharing: give it alone.")
    shared = cast(SharedKind, kind)
    change = requested(Sharing, {"everyone": everyone, "keys": keys})
    with connect(url, api_key) as client:
        if keys or everyone or nobody:
            sharing = client.share(shared, name, change)
        else:
            sharing = client.sharing(shared, name)
    if as_json:
        click.echo(sharing.model_dump_json())
    else:
        say(f"The {kind} {name} is read by its owner{_others(sharing)}.")


def _others(sharing: Sharing) -> str:
    if sharing.everyone:
        return " and by every key"
    return f" and by {', '.join(sharing.keys)}" if sharing.keys else " alone"
