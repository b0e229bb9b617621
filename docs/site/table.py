"""Tables in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], figures: bool = False) -> str:
    """A table; with `figures` all columns but the first stand at the right."""
    rule = ["---", *(["---:" if figures else "---"] * (len(headings) - 1))]
    lines = [headings, rule, *(map(_cell, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str) -> str:
    """The text as code; nothing for an empty one."""
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    # A bar inside of code ends no cell, and a backslash would show there.
    bars = re.sub(r"(`[^`]*`)|\|", lambda match: match[1] or r"\|", text)
    return " ".join(bars.split())
