"""Small street-like images with their truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadmask.images.decoding import encode_png
from roadmask.masks.codec import encode_mask
from roadmask.masks.taxonomy import CITYSCAPES

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def draw_street(seed: int, height: int = 96, width: int = 128) -> Pair:
    """Draw sky, trees, a road, a car, a person and a void edge, with noise."""
    random = np.random.default_rng(seed)
    truth = np.full((height, width), CITYSCAPES.index("sky"), np.uint8)
    horizon = int(height * random.uniform(0.35, 0.5))
    truth[horizon - height // 8 :] = CITYSCAPES.index("nature")
    truth[horizon:] = CITYSCAPES.index("flat")
    left = int(random.integers(0, width // 2))
    truth[horizon : horizon + height // 4, left : left + width // 4] = CITYSCAPES.index("vehicle")
    truth[horizon : horizon + height // 3, -width // 6 : -width // 12] = CITYSCAPES.index("human")
    truth[-2:] = CITYSCAPES.void
    noise = random.integers(-12, 13, (height, width, 3))
    image = np.clip(CITYSCAPES.palette[truth].astype(int) + noise, 0, 255).astype(np.uint8)
    return image, truth


def write_streets(folder: Path, count: int, first: int = 0) -> Path:
    """Write a dataset in the plain layout, `images/` beside `masks/`; return its folder."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for seed in range(first, first + count):
        image, truth = draw_street(seed)
        (folder / "images" / f"{seed:03d}.png").write_bytes(encode_png(image))
        (folder / "masks" / f"{seed:03d}.png").write_bytes(encode_mask(truth))
    return folder
