"""Tables on stdout."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from roadmask.cli.display.output import say
from roadmask.shown import shown


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()
) -> None:
    """Print rows of text below the names of their columns; those in `right` are right-aligned.

    A column without any text is left out. Nothing is cut off, however narrow the terminal is: ids
    and URLs are there to be copied.
    """

    def line(cells: Sequence[str]) -> str:
        padded = [
            " " * padding + cell if columns[place] in right else cell + " " * padding
            for place, cell in enumerate(cells)
            if (width := widths[place]) is not None
            for padding in [width - _width(cell)]
        ]
        return "  ".join(padded).rstrip()

    rows = [tuple(map(shown, row)) for row in rows]
    widths = _widths(columns, rows)
    for cells in (columns, *rows):
        say(line(cells))


def table_width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The columns of a terminal that `print_table` needs for these rows."""
    widths = [width for width in _widths(columns, rows) if width is not None]
    return sum(widths) + 2 * (len(widths) - 1)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int | None]:
    """The width of each column; None for one without any text."""
    return [
        max(_width(shown(row[place])) for row in (columns, *rows))
        if any(row[place] for row in rows)
        else None
        for place in range(len(columns))
    ]


def _width(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
