"""The `roadmask` command: its subcommands are imported when they are used."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import NoReturn

import click

COMMANDS = {
    "up": "Run the whole service on this machine.",
    "demo": "See it work: sample scenes in, masks and scores out.",
    "segment": "Masks of some photos, at once.",
    "batch": "Masks of a whole folder; resumes where it stopped.",
    "ingest": "Put a folder of images, with truth, into a dataset.",
    "jobs": "List, watch, cancel or retry jobs.",
    "annotations": "A job's masks in one document for another tool.",
    "webhook": "What a job's webhook was told; tell it again.",
    "doctor": "Check that everything is in order.",
}
"""Own commands; each lives in the module of its name."""

ROOMS = {
    "api": "Run the HTTP API alone.",
    "worker": "Run a worker alone.",
    "models": "Publish models; put one into service, or back.",
    "train": "Train a model by a recipe.",
    "evaluate": "Measure a model on a dataset.",
    "tune": "Find the engine that serves a model best on this machine.",
    "compare": "Where two models differ; fails when the second falls behind.",
    "card": "What a model says of itself; add a measurement to it.",
    "study": "Repeat the study: eight runs, their table and plots.",
    "scenes": "Render sample street scenes with truth.",
    "store": "Make the object store ready.",
}
"""Commands of the other rooms, found by their entry points."""

ENTRY_POINTS = "roadmask.commands"


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports only the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Own commands, then those that other rooms bring."""
        brought = {point.name for point in entry_points(group=ENTRY_POINTS)}
        return [*COMMANDS, *sorted(brought)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported. Raises `ClickException` when its room is not installed."""
        if cmd_name in COMMANDS:
            command = getattr(import_module(f"roadmask.cli.{cmd_name}"), cmd_name)
        else:
            points = entry_points(group=ENTRY_POINTS, name=cmd_name)
            if not points:
                return None
            command = _load(cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from their one-line texts: nothing is imported for it."""
        texts = COMMANDS | ROOMS
        rows = [(name, texts.get(name, "")) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _load(name: str) -> object:
    (point,) = entry_points(group=ENTRY_POINTS, name=name)
    try:
        return point.load()
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"`roadmask {name}` needs the package {error.name!r}. "
            "In a clone of Roadmask `pip install '.[all]'` brings it."
        ) from error


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="roadmask")
def roadmask() -> None:
    """Street images in, semantic masks out.

    Try `roadmask demo`; then `roadmask up` and `roadmask batch FOLDER --out MASKS`.
    """


def main() -> NoReturn:
    """Run the command line; errors of the service become a message and an exit code."""
    from roadmask.cli.exits import run

    run(roadmask)
