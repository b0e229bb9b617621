"""The `roadmask` program: a command's module is imported when the command runs."""

from __future__ import annotations

from importlib import import_module
from typing import NoReturn

import click

from roadmask.local.server_package import INSTALL, server_commands

CLIENT_COMMANDS = {
    "up": "Run the whole service on this machine.",
    "demo": "Segment rendered street scenes and show the scores.",
    "segment": "Segment a few photos at once.",
    "batch": "Segment a folder of images; a second run resumes the first.",
    "ingest": "Add a folder of images and annotated masks to a dataset.",
    "download": "Write a dataset's images and annotated masks into a folder.",
    "jobs": "List, watch, cancel or retry jobs.",
    "delete": "Erase an image, a truth, a dataset or a job.",
    "share": "Let other keys read a job or a dataset.",
    "annotations": "Export a job's masks as one document for another tool.",
    "webhook": "List a job's webhook deliveries; send one again.",
    "doctor": "Check this machine and the service.",
    "config": "Show the environment variables and their values.",
}
"""Commands of this package, each in the module of its name."""

SERVER_COMMANDS = {
    "api": "Run the HTTP API alone.",
    "worker": "Run one worker alone.",
    "scheduler": "Run deadlines, webhooks and repairs alone.",
    "models": "Publish, promote and roll back model versions.",
    "train": "Train a model by a recipe.",
    "evaluate": "Measure a model on a dataset.",
    "tune": "Choose the fastest engine for a model on this machine.",
    "compare": "Compare two models; fails when the second is worse.",
    "card": "Show a model's card; add a measurement to it.",
    "recalibrate": "Make a version of a model for another input size.",
    "study": "Repeat the study: eight runs, their table and plots.",
    "pseudo-label": "Complete partly annotated masks with a model.",
    "scenes": "Render sample street scenes with annotated masks.",
    "keys": "Create, list and revoke API keys.",
    "store": "Check, verify and clean up the object store.",
}
"""Commands of the package `roadmask-server`, found by their entry points."""


class LazyGroup(click.Group):
    """A group that knows the names of its commands and imports only the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*CLIENT_COMMANDS, *sorted(server_commands())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command. Raises `ClickException` when it needs a package that is not installed."""
        if cmd_name in CLIENT_COMMANDS:
            command = getattr(import_module(f"roadmask.cli.{cmd_name}"), cmd_name)
        elif point := server_commands().get(cmd_name):
            try:
                command = point.load()
            except ModuleNotFoundError as error:
                raise _not_installed(cmd_name, str(error.name)) from error
        elif cmd_name in SERVER_COMMANDS:
            raise _not_installed(cmd_name, "roadmask-server")
        else:
            return None
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        texts = CLIENT_COMMANDS | SERVER_COMMANDS
        rows = [(name, texts.get(name, "")) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _not_installed(command: str, package: str) -> click.ClickException:
    return click.ClickException(
        f"`roadmask {command}` needs the package `{package}`, which is not installed. {INSTALL}"
    )


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
    """Run the program; an error of the service becomes a message and an exit code."""
    from roadmask.exit_codes import run

    run(roadmask)
