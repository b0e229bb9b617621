"""What closes the street far away: roofs and treetops before the sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.scenes.painting.camera import Floats
from ml.scenes.painting.canvas import CONSTRUCTION, NATURE
from ml.scenes.painting.light import Light
from ml.scenes.painting.texture import noise, speckle
from ml.scenes.stage import Shade, Stage

_WALLS = ((150, 120, 104), (176, 168, 156), (138, 132, 130), (160, 104, 84))


@dataclass
class Backdrop:
    """A row of distant houses with trees before them, across the whole view at `depth`."""

    depth: float
    color: Floats
    """Of the leaves."""
    seed: int

    def shades(self, light: Light) -> list[Shade]:
        """None: too far away."""
        return []

    def draw(self, stage: Stage) -> None:
        """Houses, then trees."""
        rng = np.random.default_rng(self.seed)
        scale = stage.camera.scale(self.depth)
        reach = stage.camera.width / scale / 2 + 5
        x = -reach
        while x < reach:
            width, height = rng.uniform(8, 18), rng.uniform(5, 13)
            self._house(stage, rng, x, width, height)
            x += width * rng.uniform(0.8, 1.6)
        self._trees(stage, rng, scale)

    def _house(
        self, stage: Stage, rng: np.random.Generator, x: float, width: float, height: float
    ) -> None:
        tone = np.array(_WALLS[rng.integers(len(_WALLS))]) * stage.light.soft * rng.uniform(0.7, 1)
        self._shape(stage, ((x, 0), (x + width, 0), (x + width, height), (x, height)), tone)
        ridge, edge = height + rng.uniform(1.5, 3), width * rng.uniform(0.05, 0.3)
        roof = (
            (x - 0.3, height),
            (x + width + 0.3, height),
            (x + width - edge, ridge),
            (x + edge, ridge),
        )
        self._shape(stage, roof, tone * rng.uniform(0.55, 0.8))
        for y in np.arange(1.2, height - 1.5, 3.0):
            for left in np.arange(x + 1, x + width - 1.5, 2.4):
                self._shape(
                    stage,
                    ((left, y), (left + 1, y), (left + 1, y + 1.5), (left, y + 1.5)),
                    tone * 0.5,
                )

    def _shape(self, stage: Stage, corners: tuple[tuple[float, float], ...], color: Floats) -> None:
        points = np.array([(x, y, self.depth) for x, y in corners])
        stage.canvas.polygon(stage.camera.project(points), color, CONSTRUCTION, self.depth)

    def _trees(self, stage: Stage, rng: np.random.Generator, scale: float) -> None:
        width, tall = stage.camera.width, int(14 * scale)
        crest = noise(rng, 1, width, 16 * scale)[0] * 2.6 + rng.uniform(2, 7)
        leaves = noise(rng, tall, width, 3 * scale)
        up = np.arange(tall, dtype=np.float32)[::-1, None] / scale
        alpha = np.clip((crest + leaves * 0.7 - up) * scale * 0.5 + 0.5, 0, 1)
        value = 0.72 + 0.16 * leaves + 0.05 * speckle(rng, tall, width) + 0.25 * up / 10
        patch = np.clip(value[..., None] * self.color * stage.light.soft, 0, 255).astype(np.uint8)
        foot = stage.camera.project(np.array([(0, 0, self.depth)]))[0, 1]
        stage.canvas.stamp(
            0, round(foot) - tall, patch, alpha.astype(np.float32), NATURE, self.depth
        )
