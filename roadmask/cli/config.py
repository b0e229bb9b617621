"""`roadmask config`: every environment variable, its value, and where that comes from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

import click

from roadmask.cli.display.output import say
from roadmask.cli.display.tables import print_table
from roadmask.local.server_package import INSTALL, server_commands

PREFIX = "ROADMASK_"
CLIENT = {
    "ROADMASK_URL": "URL of the service, for commands and clients.",
    "ROADMASK_API_KEY": "API key, for commands and clients.",
}
"""Variables of the client. All others are those of the service's processes."""
HIDDEN = "(set)"
COMMANDS = "roadmask.config_commands"
"""The group of entry points."""


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable of Roadmask."""

    name: str
    value: Any
    """JSON-able; secrets are not shown."""
    is_set: bool
    """Whether it is set in this environment, or by a file of ROADMASK_SECRETS_DIR."""
    meaning: str


class ConfigGroup(click.Group):
    """A group whose commands come with the package of the service, which knows the servers."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(server_commands(COMMANDS))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command. Raises `ClickException` without the package of the service."""
        if point := server_commands(COMMANDS).get(cmd_name):
            command = point.load()
            assert isinstance(command, click.Command)
            return command
        if cmd_name == "check":
            raise click.ClickException(
                f"`roadmask config check` needs the package `roadmask-server`. {INSTALL}"
            )
        return None


@click.group(cls=ConfigGroup, invoke_without_command=True)
@click.option("--all", "every", is_flag=True, help="Also show variables that are not set.")
@click.option("--json", "as_json", is_flag=True, help="Print all of them as JSON on stdout.")
@click.option(
    "--completion",
    type=click.Choice(("bash", "zsh", "fish")),
    help="Print the shell's completion script instead.",
)
@click.pass_context
def config(ctx: click.Context, every: bool, as_json: bool, completion: str | None) -> None:
    """Show the environment variables that the program, the clients and the service read.

    A variable with Roadmask's prefix that nothing reads is named as a likely typing error.
    `roadmask config check` tries the settings against the real servers.
    """
    if ctx.invoked_subcommand is not None:
        return
    if completion:
        click.echo(_completion(ctx, completion))
        return
    variables = [*_client_variables(), *_settings()]
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX))
    unknown = [name for name in unknown if name not in {each.name for each in variables}]
    if as_json:
        told = {"variables": [asdict(each) for each in variables], "unknown": unknown}
        click.echo(json.dumps(told, indent=2))
    else:
        shown = [each for each in variables if every or each.is_set]
        rows = [(each.name, _text(each), each.meaning.partition(". ")[0]) for each in shown]
        if rows:
            print_table(("variable", "value", "meaning"), rows)
        else:
            say("No variable is set: everything has its default. See them with --all.")
    for name in unknown:
        near = get_close_matches(name, [each.name for each in variables], 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        say(f"{name} is no variable of Roadmask.{hint}", err=True)


def _client_variables() -> Iterator[Variable]:
    from roadmask.client.transport import DEFAULT_URL

    for name, meaning in CLIENT.items():
        value: str | None = os.environ.get(name)
        if "KEY" in name:
            value = HIDDEN if value else None
        yield Variable(
            name, value or (DEFAULT_URL if "URL" in name else None), name in os.environ, meaning
        )


def _settings() -> Iterator[Variable]:
    """The settings of the service. Raises Pydantic's errors for a value that is none."""
    from pydantic import SecretStr

    from roadmask.settings import Settings, secrets_dir

    settings = Settings()
    values = settings.model_dump(mode="json")
    values["redis_url"] = re.sub(r"://.*@", f"://{HIDDEN}@", settings.redis_url)
    for field, facts in Settings.model_json_schema()["properties"].items():
        name, value = f"{PREFIX}{field.upper()}", values[field]
        secret = getattr(settings, field)
        if isinstance(secret, SecretStr) or "hashes" in field:
            value = HIDDEN if value else None
        yield Variable(name, value, field in settings.model_fields_set, _line(facts["description"]))
    meaning = "A folder with a file for each secret, named like its variable."
    folder = secrets_dir()
    yield Variable(f"{PREFIX}SECRETS_DIR", folder and str(folder), folder is not None, meaning)


def _line(text: str) -> str:
    return " ".join(text.split())


def _text(variable: Variable) -> str:
    value = variable.value
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _completion(ctx: click.Context, shell: str) -> str:
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    return kind(ctx.find_root().command, {}, "roadmask", "_ROADMASK_COMPLETE").source()
