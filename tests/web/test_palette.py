"""The colour-blind-safe palette: distances of its colours as eyes with a deficiency see them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from roadmask.masks.taxonomy import CITYSCAPES
from tests.web.test_files import WEB

MIN_DISTANCE = 15
"""CIELAB (1976); colours of adjacent areas at this distance are told apart at a glance."""

DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
"""Linear RGB to linear RGB, severity 1 (Machado, Oliveira, Fernandes, TVCG 2009)."""
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
SOURCE = (WEB / "lib/palette.js").read_text()
SAFE = {
    name: tuple(map(int, color.split(",")))
    for name, color in re.findall(r"^  (\w+): \[([\d, ]+)\]", SOURCE, re.MULTILINE)
}


def lab(colors: NDArray[np.float64], deficiency: str) -> NDArray[np.float64]:
    """CIELAB (n, 3) of sRGB colours (n, 3), as seen with a deficiency."""
    share = colors / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ DEFICIENCIES[deficiency].T, 0, 1)
    xyz = seen @ TO_XYZ.T / WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack(
        [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1
    )


def least_distance(colors: list[tuple[int, ...]], deficiency: str) -> float:
    values = lab(np.array(colors, np.float64), deficiency)
    distances = np.linalg.norm(values[:, None] - values[None], axis=-1)
    return float(distances[~np.eye(len(colors), dtype=bool)].min())


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_any_two_categories_differ(deficiency: str) -> None:
    assert set(SAFE) == set(CITYSCAPES.names)
    assert least_distance(list(SAFE.values()), deficiency) >= MIN_DISTANCE


def test_the_colours_of_cityscapes_do_not() -> None:
    """Pedestrians and trees are one colour with deuteranopia: hence the second palette."""
    standard: list[tuple[int, ...]] = [category.color for category in CITYSCAPES.categories]
    assert least_distance(standard, "deuteranopia") < MIN_DISTANCE
