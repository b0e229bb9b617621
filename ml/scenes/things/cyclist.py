"""A rider on a bicycle, both labelled human as CamVid does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.scenes.painting.camera import Floats
from ml.scenes.painting.canvas import HUMAN
from ml.scenes.painting.light import Light
from ml.scenes.painting.sprite import Sprite
from ml.scenes.stage import Shade, Stage
from ml.scenes.things.person import Clothes

_TYRE = (30, 30, 32)


@dataclass
class Cyclist:
    """Somebody riding; the wheels touch the ground at `foot`."""

    foot: Floats
    facing: int
    """-1 or +1 rides across the picture, 0 along the street."""
    phase: float
    """Of the pedals, radians."""
    clothes: Clothes
    frame: Floats
    away: bool = True

    @property
    def depth(self) -> float:
        """Depth of the wheels, metres."""
        return float(self.foot[2])

    def shades(self, light: Light) -> list[Shade]:
        """A thin dark strip at the wheels and the rider's shadow."""
        reach = 0.8 if self.facing else 0.2
        strip = ((-reach, 0, -0.12), (reach, 0, -0.12), (reach, 0, 0.12), (-reach, 0, 0.12))
        body = ((-reach, 0, 0), (reach, 0, 0), (0.25, 1.6, 0), (-0.25, 1.6, 0))
        return [
            Shade(self.foot + np.array(strip), contact=True),
            Shade(light.shadow(self.foot + np.array(body))),
        ]

    def draw(self, stage: Stage) -> None:
        """Bicycle, far leg, rider, near leg."""
        sprite = Sprite(1.1, 1.9, stage.camera.scale(self.depth))
        if self.facing:
            self._draw_aside(sprite)
        else:
            self._draw_along(sprite)
        sprite.place(stage, self.foot, HUMAN, roundness=0.4)

    def _draw_aside(self, sprite: Sprite) -> None:
        f, c = self.facing, self.clothes
        for x in (-0.52, 0.52):
            sprite.ring(x, 0.34, 0.32, 0.045, _TYRE)
            for angle in np.arange(6) * np.pi / 6:
                dx, dy = 0.3 * np.cos(angle), 0.3 * np.sin(angle)
                sprite.line(((x - dx, 0.34 - dy), (x + dx, 0.34 + dy)), 0.005, (120, 120, 122))
        crank, seat, bar = (-0.05 * f, 0.32), (-0.2 * f, 0.88), (0.4 * f, 0.98)
        rear, fork, head = (-0.52 * f, 0.34), (0.52 * f, 0.34), (0.36 * f, 0.84)
        for path in ((rear, crank, seat, rear), (crank, head, seat), (head, fork), (head, bar)):
            sprite.line(path, 0.035, self.frame)
        self._leg(sprite, crank, seat, self.phase + np.pi, 0.7)
        shoulder = (0.18 * f, 1.42)
        sprite.limb((seat, shoulder), (0.27, 0.24), c.top)
        sprite.limb((shoulder, (0.34 * f, 1.16), bar), (0.10, 0.085, 0.06), c.top * 0.85)
        self._leg(sprite, crank, seat, self.phase, 1.0)
        sprite.disc(0.27 * f, 1.60, 0.085, 0.11, c.skin)
        sprite.disc(0.25 * f, 1.655, 0.09, 0.065, c.hair)

    def _leg(
        self, sprite: Sprite, crank: tuple[float, float], seat: tuple[float, float],
        phase: float, tone: float,
    ) -> None:  # fmt: skip
        pedal = (crank[0] + 0.17 * np.cos(phase), crank[1] + 0.17 * np.sin(phase))
        middle = ((pedal[0] + seat[0]) / 2, (pedal[1] + seat[1]) / 2)
        gap = np.hypot(pedal[0] - seat[0], pedal[1] - seat[1]) / 2
        out = np.sqrt(max(0.44**2 - gap**2, 0.01))
        knee = (middle[0] + self.facing * out * 0.95, middle[1] + out * 0.25)
        sprite.limb((seat, knee, pedal), (0.17, 0.125, 0.085), self.clothes.legs * tone)
        sprite.limb((pedal, (pedal[0] + self.facing * 0.14, pedal[1])), (0.08, 0.06), _TYRE)

    def _draw_along(self, sprite: Sprite) -> None:
        c = self.clothes
        sprite.limb(((0, 0.03), (0, 0.66)), (0.05, 0.05), _TYRE)
        sprite.line(((-0.28, 1.0), (0.28, 1.0)), 0.035, self.frame)
        lift = 0.14 * np.sin(self.phase)
        for sign in (-1, 1):
            pedal = (sign * 0.12, 0.32 + sign * lift)
            knee = (sign * 0.16, 0.66 + sign * lift * 0.6)
            sprite.limb(((sign * 0.09, 0.92), knee, pedal), (0.17, 0.13, 0.08), c.legs)
            sprite.disc(pedal[0], pedal[1] - 0.03, 0.05, 0.045, _TYRE)
        for sign in (-1, 1):
            joints = ((sign * 0.17, 1.40), (sign * 0.26, 1.18), (sign * 0.26, 1.02))
            sprite.limb(joints, (0.10, 0.09, 0.06), c.top * 0.88)
        sprite.polygon(((-0.2, 1.45), (0.2, 1.45), (0.17, 0.9), (-0.17, 0.9)), c.top)
        sprite.disc(0, 1.60, 0.08, 0.11, c.hair if self.away else c.skin)
        sprite.disc(0, 1.66, 0.085, 0.06, c.hair)
