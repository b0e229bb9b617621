"""What the fronts of one building have in common: material, colors, measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.scenes.painting.canvas import Color

_BRICKS = ((142, 84, 66), (158, 104, 78), (120, 74, 62), (186, 160, 118), (170, 128, 96))
_PLASTERS = (
    (224, 218, 204), (208, 196, 170), (190, 184, 176), (222, 204, 168),
    (198, 164, 140), (176, 186, 190), (232, 230, 226), (206, 178, 128),
)  # fmt: skip
_CONCRETES = ((158, 156, 150), (138, 140, 142), (176, 170, 158))
_TRIMS = ((236, 234, 228), (226, 220, 206), (70, 72, 74), (96, 66, 46))
SHOP_COLORS = (
    (38, 74, 58), (120, 30, 34), (30, 48, 92), (40, 40, 42), (196, 150, 50),
    (226, 224, 218), (88, 40, 84), (24, 104, 128), (180, 74, 40),
)  # fmt: skip


@dataclass(frozen=True)
class Style:
    """What the fronts of one building have in common."""

    wall: str
    """`brick`, `plaster` or `concrete`."""
    color: Color
    trim: Color
    storey: float
    """Height of an upper storey, metres."""
    bay: float
    """Distance of the windows, metres."""
    window: tuple[float, float]
    """Width and height of a window, metres."""
    panes: tuple[int, int]
    ground: str
    """`shop`, `house` or `office`."""
    lit: float
    """Share of windows with a lamp behind them."""


def make_style(rng: np.random.Generator, ground: str, dusk: bool) -> Style:
    """A random style."""
    wall = "concrete" if ground == "office" else ("brick", "plaster")[rng.integers(2)]
    colors = {"brick": _BRICKS, "plaster": _PLASTERS, "concrete": _CONCRETES}[wall]
    base = np.array(colors[rng.integers(len(colors))]) * rng.uniform(0.85, 1.1)
    wide = ground == "office"
    bay = rng.uniform(2.6, 3.4)
    return Style(
        wall=wall,
        color=base,
        trim=_TRIMS[rng.integers(len(_TRIMS))],
        storey=rng.uniform(2.8, 3.4),
        bay=bay,
        window=(bay * 0.86 if wide else rng.uniform(0.9, 1.4), rng.uniform(1.4, 1.9)),
        panes=(3, 1) if wide else ((2, 2), (1, 2), (2, 1), (2, 3))[rng.integers(4)],
        ground=ground,
        lit=rng.uniform(0.15, 0.4) if dusk else rng.uniform(0, 0.04),
    )
