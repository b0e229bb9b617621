"""Markdown for pages that are written from data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(
    headings: Sequence[object], rows: Iterable[Sequence[object]], *, figures: bool = False
) -> str:
    """A table; with `figures`, all columns but the first are right-aligned."""
    rule = ["---", *(["---:" if figures else "---"] * (len(headings) - 1))]
    lines = [headings, rule, *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def code(text: str) -> str:
    """The text in backticks; an empty text stays empty."""
    return f"`{text}`" if text else ""


def _cell(value: object) -> str:
    # Inside code, a bar needs no escape, and a backslash would be visible.
    escaped = re.sub(r"(`[^`]*`)|\|", lambda match: match[1] or r"\|", str(value))
    return " ".join(escaped.split())
