"""People: walking, standing, or riding a bicycle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.scenes.painting.camera import Floats
from ml.scenes.painting.canvas import HUMAN
from ml.scenes.painting.light import Light
from ml.scenes.painting.sprite import Sprite
from ml.scenes.stage import Shade, Stage

_SKINS = ((226, 180, 150), (204, 152, 118), (160, 108, 78), (104, 70, 52), (236, 196, 170))
_HAIRS = ((40, 30, 26), (86, 58, 38), (28, 26, 28), (150, 118, 72), (150, 148, 146))
_TOPS = (
    (40, 44, 60), (28, 28, 32), (122, 36, 40), (60, 84, 120), (186, 182, 172), (88, 92, 60),
    (190, 130, 50), (104, 104, 110), (220, 218, 214), (70, 50, 90), (46, 96, 92), (156, 60, 88),
)  # fmt: skip
_LEGS = ((34, 40, 60), (30, 30, 34), (70, 74, 84), (120, 108, 88), (52, 44, 40), (58, 76, 108))


@dataclass(frozen=True)
class Clothes:
    """What somebody looks like; RGB."""

    skin: Floats
    hair: Floats
    top: Floats
    legs: Floats
    coat: float
    """How far the top reaches down, as a share of the height."""
    bag: bool


def dress(rng: np.random.Generator) -> Clothes:
    """Random clothes."""
    skin, hair, top, legs = (
        np.array(choices[rng.integers(len(choices))]) * rng.uniform(0.85, 1.15)
        for choices in (_SKINS, _HAIRS, _TOPS, _LEGS)
    )
    coat = 0.36 if rng.random() < 0.25 else rng.uniform(0.46, 0.5)
    return Clothes(skin, hair, top, legs, coat, bag=bool(rng.random() < 0.35))


@dataclass
class Pedestrian:
    """Somebody on foot, `height` metres tall."""

    foot: Floats
    height: float
    facing: int
    """-1 or +1 walks across the picture, 0 along the street."""
    phase: float
    """Of the stride, radians."""
    clothes: Clothes
    away: bool = False
    """Seen from behind, when walking along the street."""

    @property
    def depth(self) -> float:
        """Depth of the feet, metres."""
        return float(self.foot[2])

    def shades(self, light: Light) -> list[Shade]:
        """A dark spot at the feet and a long shadow."""
        h = self.height
        spot = _ring(self.foot, 0.26)
        body = ((-0.1, 0, 0), (0.1, 0, 0), (0.2, 0.75 * h, 0), (0.1, h, 0), (-0.1, h, 0),
                (-0.2, 0.75 * h, 0))  # fmt: skip
        return [
            Shade(spot, contact=True),
            Shade(light.shadow(self.foot + np.array(body))),
        ]

    def draw(self, stage: Stage) -> None:
        """Far limbs first."""
        sprite = Sprite(0.6, self.height * 1.08, stage.camera.scale(self.depth))
        if self.facing:
            self._draw_aside(sprite)
        else:
            self._draw_along(sprite)
        sprite.place(stage, self.foot, HUMAN)

    def _draw_aside(self, sprite: Sprite) -> None:
        h, f, c = self.height, self.facing, self.clothes
        swing = np.sin(self.phase) * 0.40
        for sign, tone in ((-1, 0.72), (1, 1.0)):
            angle = sign * swing
            hip = (0.0, 0.50 * h)
            knee = (f * np.sin(angle + 0.12) * 0.25 * h, 0.27 * h)
            bend = angle - 0.35 * max(-np.cos(self.phase) * sign, 0.0)
            ankle = (knee[0] + f * np.sin(bend - 0.05) * 0.23 * h, 0.045 * h)
            if sign < 0:
                self._arm(sprite, -f * swing, tone)
            sprite.limb((hip, knee, ankle), (0.105 * h, 0.075 * h, 0.05 * h), c.legs * tone)
            shoe = (ankle[0] + f * 0.07 * h, 0.02 * h)
            sprite.limb((ankle, shoe), (0.045 * h, 0.035 * h), (32, 30, 30))
        self._trunk(sprite, 0.15)
        if c.bag:
            sprite.disc(-f * 0.11 * h, 0.66 * h, 0.06 * h, 0.11 * h, c.legs * 0.8)
        self._arm(sprite, f * swing, 0.9)
        self._head(sprite, f * 0.01 * h, f)

    def _arm(self, sprite: Sprite, angle: float, tone: float) -> None:
        h = self.height
        elbow = (np.sin(angle) * 0.17 * h, 0.62 * h)
        hand = (np.sin(angle * 1.4) * 0.28 * h, 0.48 * h)
        sprite.limb(((0, 0.79 * h), elbow, hand), (0.065 * h, 0.055 * h, 0.04 * h),
                    self.clothes.top * tone * 0.9)  # fmt: skip
        sprite.disc(*hand, 0.022 * h, 0.026 * h, self.clothes.skin * tone)

    def _draw_along(self, sprite: Sprite) -> None:
        h, c = self.height, self.clothes
        lift = 0.04 * h * np.sin(self.phase)
        for sign in (-1, 1):
            ankle = (sign * 0.05 * h, 0.03 * h + max(sign * lift, 0))
            joints = ((sign * 0.045 * h, 0.5 * h), (sign * 0.055 * h, 0.27 * h), ankle)
            sprite.limb(joints, (0.10 * h, 0.075 * h, 0.05 * h), c.legs * (0.9 + 0.08 * sign))
            sprite.disc(ankle[0], ankle[1] - 0.005 * h, 0.032 * h, 0.025 * h, (32, 30, 30))
        for sign in (-1, 1):
            hand = (sign * 0.135 * h, 0.46 * h + sign * lift * 0.6)
            joints = ((sign * 0.1 * h, 0.785 * h), (sign * 0.13 * h, 0.62 * h), hand)
            sprite.limb(joints, (0.065 * h, 0.055 * h, 0.04 * h), c.top * 0.85)
            sprite.disc(*hand, 0.022 * h, 0.026 * h, c.skin)
        self._trunk(sprite, 0.20)
        if c.bag and self.away:
            sprite.disc(0, 0.67 * h, 0.075 * h, 0.11 * h, c.legs * 0.8)
        self._head(sprite, 0.0, 0)

    def _trunk(self, sprite: Sprite, width: float) -> None:
        h, c, w = self.height, self.clothes, width * self.height / 2
        outline = (
            (-w * 0.62, 0.835 * h), (w * 0.62, 0.835 * h), (w, 0.79 * h), (w * 0.84, 0.6 * h),
            (w * 0.9, c.coat * h), (-w * 0.9, c.coat * h), (-w * 0.84, 0.6 * h), (-w, 0.79 * h),
        )  # fmt: skip
        sprite.polygon(outline, c.top)
        sprite.limb(((0, 0.82 * h), (0, 0.87 * h)), (0.055 * h, 0.05 * h), c.skin * 0.85)

    def _head(self, sprite: Sprite, x: float, facing: int) -> None:
        h, c = self.height, self.clothes
        hair_only = facing == 0 and self.away
        sprite.disc(x, 0.925 * h, 0.046 * h, 0.06 * h, c.hair if hair_only else c.skin)
        if not hair_only:
            sprite.disc(x - facing * 0.016 * h, 0.952 * h, 0.044 * h, 0.036 * h, c.hair)


def _ring(foot: Floats, radius: float) -> Floats:
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return np.asarray(foot + radius * np.stack((np.cos(turn), 0 * turn, np.sin(turn)), axis=1))
