"""The option `--conditions`, what it measures, and its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import click

from ml.cli.dataset import meter

if TYPE_CHECKING:
    from rich.table import Table

    from ml.data.annotated import AnnotatedDataset, LeftOut
    from ml.inference.predictor import Predictor
    from ml.inference.segmenter import TtaView

conditions_option = click.option(
    "--conditions", is_flag=True, help="Also measure under 17 corruptions at two severities."
)


def measure_conditions(
    predictor: Predictor,
    source: Callable[[], AbstractContextManager[AnnotatedDataset]],
    left_out: list[LeftOut],
    views: Sequence[TtaView] | None = None,
) -> dict[str, Any]:
    """Mean IoU by condition on the dataset that `source` opens, in the view of serving or in these.

    What is left out, and is not in `left_out` yet, is added.
    """
    from ml.evaluation.robustness import Robustness
    from ml.inference.segmenter import PLAIN

    robustness = Robustness(predictor, predictor.artifact.taxonomy, views or (PLAIN,))
    with source() as data:
        for _ in meter("corrupting", robustness.run(data.load(), data.left_out), data.total):
            pass
    left_out += [gap for gap in data.left_out if gap not in left_out]
    return robustness.summarize()


def conditions_table(summaries: Mapping[str, dict[str, Any]]) -> Table:
    """A table with the columns of each summary, by the name of its artifact ("" for one alone)."""
    from rich.table import Table

    table = Table(title="Mean IoU by condition")
    table.add_column("condition")
    columns = [(name, level) for level in ("mild", "severe") for name in summaries]
    for name, level in columns:
        table.add_column(f"{name} {level}".strip(), justify="right")
    first = next(iter(summaries.values()))
    for condition in first["per_condition"]:
        cells = (summaries[name]["per_condition"][condition][level] for name, level in columns)
        table.add_row(condition.replace("_", " "), *map(figure, cells))
    table.add_section()
    blank = [""] * len(summaries)
    for name, label in (("mean", "mean of all"), ("clean", "no corruption")):
        table.add_row(label, *(figure(each[name]) for each in summaries.values()), *blank)
    return table


def figure(value: float | None) -> str:
    """A score to four digits; a dash where there is nothing to measure."""
    return "–" if value is None else f"{value:.4f}"
