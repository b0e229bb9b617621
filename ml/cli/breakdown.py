"""The table of a breakdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


def breakdown_table(tables: Mapping[str, dict[str, Any]]) -> Table:
    """The means of `Breakdown.summarize`, a column for each artifact ("" for one alone)."""
    from rich.table import Table

    from ml.evaluation.measures.breakdown import mean_figures

    table = Table(title="Mean over the categories")
    table.add_column("measure")
    for letter in tables:
        table.add_column(letter, justify="right")
    columns = [mean_figures(each) for each in tables.values()]
    for name in columns[0]:
        cells = (column[name] for column in columns)
        table.add_row(name, *("–" if value is None else f"{value:.4f}" for value in cells))
    return table
