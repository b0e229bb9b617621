"""`roadmask delete`: erase an image, a truth, a dataset or a job."""

from __future__ import annotations

from typing import cast, get_args

import click

from roadmask.cli.display.output import say
from roadmask.cli.options.connection import connect, connection
from roadmask.schemas.ownership.erasures import ErasedKind


@click.command()
@click.argument("kind", type=click.Choice(get_args(ErasedKind)))
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
@connection
def delete(
    kind: str, name: str, yes: bool, as_json: bool, url: str | None, api_key: str | None
) -> None:
    """Delete for ever an image, truth (its sha256), dataset or job, with all that was made of it.

    Masks and results in jobs follow within minutes.
    """
    if not yes:
        click.confirm(f"Delete the {kind} {name!r} with all that was made of it?", abort=True)
    with connect(url, api_key) as client:
        erasure = client.erase(cast(ErasedKind, kind), name)
    if as_json:
        click.echo(erasure.model_dump_json())
    else:
        say(f"The {kind} {name} is deleted. Record: {erasure.id}")
