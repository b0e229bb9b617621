"""Plots of the study: IoU over epochs, as SVG whose bytes depend on the figures alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ml.study.row_result import RowResult
from ml.study.rows import ROWS

PLOTS = {
    "networks": ("Three networks", ("unet_mini", "unet", "vgg_unet")),
    "losses": ("Two losses", ("vgg_unet", "kl")),
    "augmentations": ("Three augmentations", ("vgg_unet", "mirror", "fog", "rain")),
    "optimal": ("Base against optimal", ("vgg_unet", "optimal")),
}
"""By file name: the title and the rows that are drawn."""

MEASURES = {
    "soft_iou": "soft pooled IoU on the validation data",
    "mean_iou": "mean IoU of the categories on the validation data",
}
"""What a curve may show, the first that every run has measured after each epoch."""

# Colour-blind safe (Okabe and Ito), one for each row wherever it is drawn.
_COLORS = dict(
    zip(
        ROWS,
        ("#56B4E9", "#009E73", "#000000", "#D55E00", "#CC79A7", "#999999", "#0072B2", "#D55E00"),
        strict=True,
    )
)
_STYLE: Any = {"svg.hashsalt": "roadmask", "svg.fonttype": "none", "font.size": 9}


def draw_plots(outcomes: Mapping[str, RowResult], folder: Path) -> list[str]:
    """Write the plots of the finished rows; gives the names of those that have any row."""
    folder.mkdir(parents=True, exist_ok=True)
    measure = curve_measure(outcomes)
    drawn = []
    for name, (title, rows) in PLOTS.items():
        curves = {row: outcomes[row].curves[measure] for row in rows if row in outcomes}
        if curves:
            _draw(folder / f"{name}.svg", title, MEASURES[measure], curves)
            drawn.append(name)
    return drawn


def curve_measure(outcomes: Mapping[str, RowResult]) -> str:
    """The study's own IoU if every epoch has it, else the mean IoU."""
    return next(name for name in MEASURES if all(name in each.curves for each in outcomes.values()))


def _draw(path: Path, title: str, axis: str, curves: Mapping[str, list[float]]) -> None:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6, 3.4), layout="constrained")
        axes = figure.add_subplot()
        for row, values in curves.items():
            axes.plot(
                range(1, len(values) + 1),
                values,
                marker="o",
                markersize=3,
                color=_COLORS[row],
                label=ROWS[row].title,
            )
        axes.set(title=title, xlabel="epoch", ylabel=axis)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": "roadmask study"})
