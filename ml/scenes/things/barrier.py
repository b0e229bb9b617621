"""Garden walls and fences along the pavement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml.scenes.painting.canvas import CONSTRUCTION
from ml.scenes.painting.light import Light
from ml.scenes.painting.texture import brick, plaster
from ml.scenes.stage import Shade, Stage
from ml.scenes.street import Street


@dataclass
class Barrier:
    """A wall or fence at distance u (signed) from z to z + length."""

    street: Street
    u: float
    z: float
    length: float
    height: float
    kind: Literal["brick", "boards", "pickets"]
    seed: int

    @property
    def depth(self) -> float:
        """Depth of the near end, metres."""
        return self.z

    def shades(self, light: Light) -> list[Shade]:
        """A strip on one side."""
        ends = np.array(
            (self.street.at(self.u, self.z), self.street.at(self.u, self.z + self.length))
        )
        top = ends[::-1] + np.array((0, self.height, 0))
        return [Shade(np.concatenate((ends, light.shadow(top))))]

    def draw(self, stage: Stage) -> None:
        """One sheet along the pavement, and the end that looks at the camera."""
        rng = np.random.default_rng(self.seed)
        near = max(self.z, 0.9)
        a, b = self.street.at(self.u, near), self.street.at(self.u, self.z + self.length)
        length = float(np.linalg.norm(b - a))
        ppm = float(np.clip(0.5 * stage.camera.focal / np.sqrt(a[2] * b[2]), 8, 60))
        sheet = self._sheet(rng, length, ppm)
        side = np.array((-np.sign(self.u), 0.0, 0.0))
        factor = 0.6 * stage.light.on(side) + 0.4 * stage.light.soft
        sheet[..., :3] = np.clip(sheet[..., :3] * factor, 0, 255)
        down, along = np.array((0.0, -1.0, 0.0)), (b - a) / length
        origin = a + np.array((0, self.height, 0))
        plane = stage.camera.plane(origin, along / ppm, down / ppm)
        stage.canvas.surface(sheet, plane, CONSTRUCTION)

    def _sheet(self, rng: np.random.Generator, length: float, ppm: float) -> NDArray[np.uint8]:
        h, w = max(int(self.height * ppm), 4), max(int(length * ppm), 4)
        alpha = np.full((h, w), 255, np.uint8)
        if self.kind == "brick":
            color = np.array((150, 98, 76)) * rng.uniform(0.75, 1.1)
            face = brick(rng, h, w, ppm, color)
            cap = max(int(0.09 * ppm), 1)
            face[:cap] = (178, 172, 162)
            face[cap : cap + max(cap // 2, 1)] = face[cap : cap + max(cap // 2, 1)] * 0.6
            return np.dstack((face, alpha))
        color = np.array((134, 104, 72) if rng.random() < 0.6 else (206, 204, 196))
        face = plaster(rng, h, w, ppm, color * rng.uniform(0.7, 1.05)).astype(np.float32)
        board = np.arange(w) / ppm / 0.14
        tones = rng.normal(1, 0.07, int(board[-1]) + 1)[board.astype(int)]
        face = face * np.where(board % 1 < 0.14, 0.55 * tones, tones)[None, :, None]
        if self.kind == "pickets":
            rails = np.zeros(h, bool)
            for level in (0.22, 0.72):
                rails[int(level * h) : int(level * h) + max(int(0.1 * ppm), 1)] = True
            alpha[np.ix_(~rails, board % 1 < 0.4)] = 0
        return np.dstack((np.clip(face, 0, 255).astype(np.uint8), alpha))
