"""What nobody labels: bins and boxes on the pavement, and the bonnet of the camera's own car."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ml.scenes.painting.camera import Floats
from ml.scenes.painting.canvas import VOID
from ml.scenes.painting.light import Light
from ml.scenes.painting.sprite import Sprite
from ml.scenes.stage import Shade, Stage


@dataclass
class Bin:
    """A wheeled bin at `foot`."""

    foot: Floats
    color: Floats
    size: float
    """Height, metres."""

    @property
    def depth(self) -> float:
        """Depth of its foot, metres."""
        return float(self.foot[2])

    def shades(self, light: Light) -> list[Shade]:
        """A spot and a shadow."""
        w, h = 0.3 * self.size, self.size
        spot = np.array(((-w, 0, -w), (w, 0, -w), (w, 0, w), (-w, 0, w)))
        body = np.array(((-w, 0, 0), (w, 0, 0), (w, h, 0), (-w, h, 0)))
        return [Shade(self.foot + spot * 1.2, contact=True), Shade(light.shadow(self.foot + body))]

    def draw(self, stage: Stage) -> None:
        """A body that tapers downwards, a lid, two wheels."""
        h, w = self.size, 0.28 * self.size
        sprite = Sprite(0.5 * h, 1.1 * h, stage.camera.scale(self.depth))
        for x in (-w * 0.7, w * 0.7):
            sprite.disc(x, 0.07 * h, 0.07 * h, 0.07 * h, (22, 22, 24))
        body = ((-w * 0.8, 0.05 * h), (w * 0.8, 0.05 * h), (w, 0.86 * h), (-w, 0.86 * h))
        sprite.polygon(body, self.color)
        sprite.polygon(((-w * 0.1, 0.1 * h), (0, 0.1 * h), (0, 0.8 * h), (-w * 0.1, 0.8 * h)),
                       self.color * 0.8)  # fmt: skip
        lid = ((-w * 1.1, 0.85 * h), (w * 1.1, 0.85 * h), (w, 0.97 * h), (-w, h))
        sprite.polygon(lid, self.color * 1.2)
        sprite.place(stage, self.foot, VOID)


def draw_bonnet(stage: Stage, rng: np.random.Generator) -> None:
    """The camera's own car at the lower edge, with the sky mirrored in it."""
    height, width = stage.canvas.truth.shape
    rise = rng.uniform(0.05, 0.11) * height
    x = np.linspace(-1, 1, 41)
    edge = height - rise * (1 - 0.55 * np.abs(x + rng.uniform(-0.1, 0.1)) ** 2.6)
    columns = (x + 1) / 2 * width
    color = np.array(((34, 36, 40), (24, 25, 28), (120, 124, 130), (70, 20, 24))[rng.integers(4)])
    outline = np.concatenate(
        (np.stack((columns, edge), axis=1), ((width + 9, height + 9), (-9, height + 9)))
    )
    stage.canvas.polygon(outline, color, VOID, 0.5)
    top = int(edge.min())
    own = stage.canvas.truth[top:] == VOID
    y = np.arange(height - top, dtype=np.float32)[:, None] / rise
    x_mirror = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    shine = 0.42 * np.exp(-(((y - 0.18) / 0.14) ** 2)) + 0.22 * np.exp(-((x_mirror / 0.5) ** 2)) * y
    sky = stage.light.haze * stage.light.ambient
    strip = stage.canvas.image[top:].astype(np.float32)
    mirrored = strip * stage.light.soft + shine[..., None] * (sky - strip)
    smooth = cv2.GaussianBlur(np.clip(mirrored, 0, 255).astype(np.uint8), (0, 0), 1.0)
    stage.canvas.image[top:][own] = smooth[own]
