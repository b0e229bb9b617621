"""Page of the program's commands, with all of their options, from the program itself."""

from __future__ import annotations

PAGE = """\
# Commands

What `roadmask --help` and each command's `--help` say. The commands of a room are there when the
room is installed: `pip install 'roadmask[all]'` brings all of them.

::: mkdocs-click
    :module: roadmask.cli.main
    :command: roadmask
    :prog_name: roadmask
    :depth: 1
    :style: table
"""


def commands_page() -> str:
    """The page as Markdown; mkdocs-click fills it in."""
    return PAGE
