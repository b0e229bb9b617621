"""Leaves: ragged balls of them, from which crowns and hedges are heaped up."""

from __future__ import annotations

import cv2
import numpy as np

from ml.scenes.painting.camera import Floats
from ml.scenes.painting.canvas import NATURE
from ml.scenes.painting.texture import noise, speckle
from ml.scenes.stage import Stage

_LEAF = 0.35
"""Size of a spray of leaves, metres."""
_ROOM = 1.35
"""Radii that a ragged ball reaches at most."""
_SHEET = 192
"""Least side of the sheet of leaves that the balls are cut from, pixels."""


class Foliage:
    """Leaves as they look at one depth, metres."""

    def __init__(self, stage: Stage, rng: np.random.Generator, depth: float) -> None:
        self.stage, self.rng, self.depth = stage, rng, depth
        self.scale = stage.camera.scale(depth)
        side = max(int(4 * self.scale), _SHEET)
        self.leaves = noise(rng, side, side, max(_LEAF * self.scale, 3.3))
        self.mottle = 0.20 * self.leaves + 0.06 * speckle(rng, side, side)
        if self.scale > 60:
            self.mottle = cv2.GaussianBlur(self.mottle, (0, 0), 0.8)
        self.light = stage.light.soft.astype(np.float32)

    def clump(self, middle: Floats, rx: float, ry: float, color: Floats) -> None:
        """A ball of leaves, brighter where the sun meets it; radii in metres."""
        px, py = self.stage.camera.project(middle[None])[0]
        w, h = (min(int(r * self.scale * _ROOM) + 2, len(self.leaves) // 2 - 1) for r in (rx, ry))
        height, width = self.stage.canvas.truth.shape
        if px + w < 0 or px - w > width or py + h < 0 or py - h > height:
            return
        x = np.linspace(-_ROOM, _ROOM, 2 * w + 1, dtype=np.float32)[None, :]
        y = np.linspace(-_ROOM, _ROOM, 2 * h + 1, dtype=np.float32)[:, None]
        top, left = self.rng.integers(0, len(self.leaves) - np.array((2 * h, 2 * w)))
        cut = np.s_[top : top + 2 * h + 1, left : left + 2 * w + 1]
        alpha = np.clip((1.05 - x * x - y * y + 0.30 * self.leaves[cut]) / 0.16, 0, 1)
        sun = self.stage.light.sun
        strength = 0.32 if self.stage.light.sunny else 0.16
        lit = 0.98 + strength * (x * float(sun[0]) - y * max(float(sun[1]), 0.35))
        value = np.clip(lit + self.mottle[cut], 0.3, 1.8)
        base = color.astype(np.float32) * self.light
        patch = np.clip(value[..., None] * base, 0, 255).astype(np.uint8)
        self.stage.canvas.stamp(round(px) - w, round(py) - h, patch, alpha, NATURE, self.depth)
