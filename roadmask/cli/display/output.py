"""Lines on stdout and stderr."""

from __future__ import annotations

import click

from roadmask.shown import shown


def say(text: str, *, err: bool = False) -> None:
    """Print text that may hold names or messages of others. JSON goes through `click.echo`."""
    click.echo("\n".join(shown(line) for line in text.split("\n")), err=err)


def log(message: str) -> None:
    """Print a message on stderr; stdout is for the output of the command."""
    say(f"· {message}", err=True)
