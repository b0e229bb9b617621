"""Page of the program's commands, with their arguments and options, from the program itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click
from table import code, table

from roadmask.cli.main import roadmask

INTRODUCTION = """\
# Commands

What `roadmask --help` and each command's `--help` say. The commands of a room are there when the
room is installed: `pip install '.[all]'` in a clone brings all of them.
"""


def commands_page() -> str:
    """The page as Markdown: a heading for each command, anchored as `roadmask-COMMAND`."""
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
    rows = [(code(names), _marked(words)) for names, words in records if words]
    parts = [f"{level} {path} {{ #{path.replace(' ', '-')} }}", f"```\n{path} {usage}\n```"]
    parts.append(inspect.cleandoc(command.help or ""))
    if rows:
        parts.append(table(("option", "meaning"), rows))
    return "\n\n".join(parts)


def _marked(words: str) -> str:
    # Click ends with defaults and ranges in brackets.
    return re.sub(r"\s*\[([^\[\]]+)\]$", r" (\1)", words)
