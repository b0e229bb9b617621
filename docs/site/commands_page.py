"""The page of the commands with their arguments and options, generated from the program."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from ml.study.markdown import code, table
from roadmask.cli.main import roadmask

INTRODUCTION = """\
# Commands

The output of `roadmask --help` and of each command's `--help`. The package `roadmask` has the
commands of a client, `roadmask-server` those of the service: `pip install . './server[all]'` in a
clone installs both.
"""


def commands_page() -> str:
    """Return the page as Markdown, with a heading `#roadmask-COMMAND` for each command."""
    root = click.Context(roadmask, info_name="roadmask")
    return "\n\n".join([INTRODUCTION, *_commands(roadmask, root)]) + "\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in sorted(group.list_commands(context)):
        command = group.get_command(context, name)
        assert command is not None
        within = click.Context(command, info_name=name, parent=context)
        yield _section(command, within)
        if isinstance(command, click.Group):
            yield from _commands(command, within)


def _section(command: click.Command, context: click.Context) -> str:
    path = context.command_path
    level = "#" * len(path.split())
    usage = " ".join(command.collect_usage_pieces(context))
    records = [
        record
        for parameter in command.get_params(context)
        if (record := parameter.get_help_record(context)) and "--help" not in record[0]
    ]
    rows = [(code(names), _in_parentheses(text)) for names, text in records if text]
    parts = [f"{level} {path} {{ #{path.replace(' ', '-')} }}", f"```\n{path} {usage}\n```"]
    parts.append(inspect.cleandoc(command.help or ""))
    if rows:
        parts.append(table(("option", "meaning"), rows))
    return "\n\n".join(parts)


def _in_parentheses(text: str) -> str:
    # Click puts defaults and ranges in brackets at the end.
    return re.sub(r"\s*\[([^\[\]]+)\]$", r" (\1)", text)
