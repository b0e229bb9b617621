"""Noise, and the stuff that streets are made of: brick, plaster, tiles."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.scenes.painting.camera import Field
from ml.scenes.painting.canvas import Color

TILE = 512
"""Side of the noise tile, pixels; its coarsest features are a quarter of that."""


@cache
def tile() -> Field:
    """Fractal noise, tileable, (TILE + 1, TILE + 1), mean 0, deviation 1."""
    rng = np.random.default_rng(20_240)
    total = np.zeros((TILE, TILE), np.float32)
    for octave in range(2, 10):
        cells = 2**octave
        grid = np.pad(rng.standard_normal((cells, cells)).astype(np.float32), 2, mode="wrap")
        step = TILE // cells
        grown = cv2.resize(grid, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        total += grown[2 * step : 2 * step + TILE, 2 * step : 2 * step + TILE] * 0.72**octave
    total = (total - total.mean()) / total.std()
    return np.pad(total, ((0, 1), (0, 1)), mode="wrap")


@cache
def grain() -> Field:
    """White noise, tileable, softened by a pixel, (TILE + 1, TILE + 1), mean 0, deviation 1."""
    rng = np.random.default_rng(20_241)
    fine = rng.standard_normal((TILE, TILE)).astype(np.float32)
    fine = cv2.GaussianBlur(np.pad(fine, 4, mode="wrap"), (0, 0), 0.7)[4:-4, 4:-4]
    return np.pad((fine / fine.std()).astype(np.float32), ((0, 1), (0, 1)), mode="wrap")


def sample(field: Field, x: Field, y: Field) -> Field:
    """The tile's values at the coordinates x, y (same shape), repeated without end."""
    # OpenCV's own wrapping ends at 2**15 pixels.
    x, y = np.broadcast_arrays(_wrap(x), _wrap(y))
    found: Field = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found


def _wrap(values: Field) -> Field:
    turns: Field = np.floor(values * np.float32(1 / TILE))
    wrapped: Field = (values - turns * np.float32(TILE)).astype(np.float32, copy=False)
    return wrapped


def noise(rng: np.random.Generator, height: int, width: int, cell: float) -> Field:
    """Fractal noise (height, width) whose coarsest features measure `cell` pixels."""
    step = TILE / 4 / max(cell, 1.0)
    x0, y0 = rng.uniform(0, TILE, 2)
    x = (x0 + np.arange(width) * step).astype(np.float32)
    y = (y0 + np.arange(height) * step).astype(np.float32)
    if step < 1:
        return sample(tile(), x[None, :], y[:, None])
    picked: Field = tile()[np.ix_(y.astype(np.intp) % TILE, x.astype(np.intp) % TILE)]
    return picked


def speckle(rng: np.random.Generator, height: int, width: int) -> Field:
    """White noise (height, width)."""
    x0, y0 = rng.integers(0, TILE, 2)
    rows = (y0 + np.arange(height)) % TILE
    columns = (x0 + np.arange(width)) % TILE
    picked: Field = grain()[np.ix_(rows, columns)]
    return picked


def plaster(
    rng: np.random.Generator, height: int, width: int, ppm: float, color: Color
) -> NDArray[np.uint8]:
    """A rendered or concrete wall (height, width, 3) with stains; `ppm` is pixels per metre."""
    stains = noise(rng, height, width, 2.5 * ppm)
    runs = cv2.resize(noise(rng, 4, width, 0.8 * ppm), (width, height))
    value = 1 + 0.045 * stains + 0.03 * runs + 0.02 * speckle(rng, height, width)
    return paint(color, value)


def brick(
    rng: np.random.Generator, height: int, width: int, ppm: float, color: Color
) -> NDArray[np.uint8]:
    """A brick wall (height, width, 3): courses of 7.5 cm, bricks of 22 cm, mortar joints."""
    wall = plaster(rng, height, width, ppm, color).astype(np.float32)
    rows, columns = int(height / ppm / 0.075) + 2, int(width / ppm / 0.225) + 2
    tones = rng.normal(1, 0.085, (rows, columns)).astype(np.float32)
    y = np.arange(height) / ppm / 0.075
    x = np.arange(width)[None, :] / ppm / 0.225 + (y[:, None].astype(int) % 2) * 0.5
    wall *= tones[y.astype(int)[:, None], x.astype(int)][..., None]
    if ppm > 20:
        joint = ((y % 1) < 0.16)[:, None] | ((x % 1) < 0.06)
        wall[joint] = 0.5 * wall[joint] + 0.5 * np.array((176, 168, 156), np.float32)
    return np.clip(wall, 0, 255).astype(np.uint8)


def rooftiles(
    rng: np.random.Generator, height: int, width: int, ppm: float, color: Color
) -> NDArray[np.uint8]:
    """Courses of slates or tiles (height, width, 3), 30 cm each."""
    wall = plaster(rng, height, width, ppm, color).astype(np.float32)
    rows, columns = int(height / ppm / 0.3) + 2, int(width / ppm / 0.25) + 3
    tones = rng.normal(1, 0.09, (rows, columns)).astype(np.float32)
    y = np.arange(height) / ppm / 0.3
    x = np.arange(width)[None, :] / ppm / 0.25 + (y[:, None].astype(int) % 2) * 0.5
    wall *= tones[y.astype(int)[:, None], x.astype(int)][..., None]
    wall *= np.where(y % 1 > 0.8, 0.72, 1.0).astype(np.float32)[:, None, None]
    return np.clip(wall, 0, 255).astype(np.uint8)


def paint(color: Color, value: Field) -> NDArray[np.uint8]:
    """A color scaled by the values (h, w) around 1, as a picture (h, w, 3)."""
    return np.clip(value[..., None] * np.asarray(color, np.float32), 0, 255).astype(np.uint8)
