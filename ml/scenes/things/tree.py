"""Trees, bushes and hedges: clumps of leaves on a forked trunk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.scenes.painting.camera import Floats
from ml.scenes.painting.canvas import NATURE
from ml.scenes.painting.light import Light
from ml.scenes.stage import Shade, Stage
from ml.scenes.things.foliage import Foliage

_GREENS = ((74, 98, 44), (92, 112, 50), (60, 88, 48), (112, 116, 54), (84, 104, 66))
_AUTUMN = ((164, 120, 52), (146, 88, 44), (140, 124, 60))


def leaf_color(rng: np.random.Generator) -> Floats:
    """A season's green, now and then a brown or a yellow."""
    tones = _AUTUMN if rng.random() < 0.12 else _GREENS
    return np.array(tones[rng.integers(len(tones))]) * rng.uniform(0.85, 1.15)


@dataclass
class Tree:
    """A tree whose trunk stands at `foot`; lengths in metres."""

    foot: Floats
    height: float
    crown: float
    """Radius of the crown."""
    stem: float
    """Height where the crown begins."""
    color: Floats
    bare: bool
    seed: int

    @property
    def depth(self) -> float:
        """Depth of the trunk, metres."""
        return float(self.foot[2])

    def shades(self, light: Light) -> list[Shade]:
        """Spots of shadow under the crown, and the trunk's stripe."""
        turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        middle = np.array((0, (self.stem + self.height) / 2, 0))
        ring = np.stack((np.cos(turn), 0 * turn, np.sin(turn)), axis=1) * self.crown
        crown = light.shadow(self.foot + middle + ring)
        stem = np.array(((-0.15, 0, 0), (0.15, 0, 0), (0.15, self.stem, 0), (-0.15, self.stem, 0)))
        trunk = Shade(light.shadow(self.foot + stem))
        return [trunk] if self.bare else [trunk, Shade(crown, leafy=True)]

    def draw(self, stage: Stage) -> None:
        """Trunk and branches, then the clumps from the back and bottom to the front and top."""
        rng = np.random.default_rng(self.seed)
        self._draw_wood(stage, rng)
        if not self.bare:
            self._draw_crown(stage, rng)

    def _draw_wood(self, stage: Stage, rng: np.random.Generator) -> None:
        """The trunk and, level by level, the boughs that fork from it."""
        bark = np.array((84, 73, 62)) * rng.uniform(0.8, 1.2) * stage.light.soft
        scale = stage.camera.scale(self.depth)
        foot = stage.camera.project(self.foot[None])[0]
        start, lean = np.zeros((1, 2)), np.array((rng.normal(0, 0.05),))
        length, width = np.array((self.stem,)), 0.024 * self.height + 0.06
        for level in range(8 if self.bare else 3):
            end = start + np.stack((np.sin(lean), np.cos(lean)), axis=1) * length[:, None]
            paths = foot + np.stack((start, end), axis=1) * (scale, -scale)
            self._draw_boughs(stage, paths, width * scale, bark * (1 - 0.03 * level))
            forks = 3 if level < 3 else 2
            start = np.repeat(end, forks, axis=0)
            spread = np.tile(np.linspace(-0.52, 0.52, forks), len(end))
            lean = np.repeat(lean, forks) * 0.9 + spread + rng.normal(0, 0.16, len(start))
            first = (self.height - self.stem) * 0.3 * 0.8**level
            length = first * rng.uniform(0.6, 1.2, len(start))
            width *= 0.6

    def _draw_boughs(self, stage: Stage, paths: Floats, width: float, bark: Floats) -> None:
        canvas = stage.canvas
        if width < 3:
            canvas.twigs(paths, bark, NATURE, self.depth)
            return
        shift = np.array((np.sign(stage.light.sun[0]) * width * 0.25, 0))
        for path in paths:
            canvas.stroke(path, width, bark, NATURE, self.depth)
            canvas.stroke(path + shift, width * 0.3, bark * 1.25)
            canvas.stroke(path - shift, width * 0.3, bark * 0.75)

    def _draw_crown(self, stage: Stage, rng: np.random.Generator) -> None:
        leaves = Foliage(stage, rng, self.depth)
        rise = (self.height - self.stem) / 2
        # Far crowns need fewer clumps to look full.
        count = int(np.clip(stage.camera.scale(self.depth) * self.crown / 4, 12, 34))
        angle, radius = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.uniform(0, 1, count))
        x, y = np.cos(angle) * radius, np.sin(angle) * radius
        x *= 1 - 0.25 * np.clip(y, 0, 1)
        front = rng.uniform(-1, 1, count) * np.sqrt(np.maximum(1 - radius**2, 0))
        # The far side first, and of each side the lower clumps first.
        for i in np.lexsort((y, front > 0)):
            size = rng.uniform(0.30, 0.46) * (34 / count) ** 0.3 * min(self.crown, rise * 1.2)
            spot = self.foot + np.array((x[i] * (self.crown - size * 0.6), 0, 0))
            spot[1] = self.stem + rise + y[i] * (rise - size * 0.5)
            tone = 0.62 + 0.2 * (front[i] > 0) + 0.24 * y[i]
            leaves.clump(spot, size, size * 0.85, self.color * tone)


@dataclass
class Bush:
    """A bush or a piece of hedge, `length` wide, standing at `foot`."""

    foot: Floats
    length: float
    height: float
    color: Floats
    seed: int

    @property
    def depth(self) -> float:
        """Depth of its foot, metres."""
        return float(self.foot[2])

    def shades(self, light: Light) -> list[Shade]:
        """The darkness at its foot."""
        half = self.length / 2
        low = ((-half, 0, -0.3), (half, 0, -0.3), (half, 0, 0.3), (-half, 0, 0.3))
        return [Shade(self.foot + np.array(low), contact=True)]

    def draw(self, stage: Stage) -> None:
        """Rows of clumps, the upper and lighter ones last."""
        rng = np.random.default_rng(self.seed)
        leaves = Foliage(stage, rng, self.depth)
        size = min(self.height * 0.42, 0.8)
        for level in np.linspace(size * 0.6, self.height - size * 0.6, 3):
            for x in np.arange(-self.length / 2, self.length / 2 + size * 0.3, size * 0.8):
                spot = self.foot + np.array(
                    (x + rng.normal(0, 0.1), level + rng.normal(0, 0.06), 0)
                )
                tone = 0.7 + 0.35 * level / self.height
                leaves.clump(spot, size * 1.15, size, self.color * tone)
