"""What stands on poles: street lamps, traffic lights, signs; and bollards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ml.scenes.painting.camera import Floats
from ml.scenes.painting.canvas import OBJECT, Color
from ml.scenes.painting.lettering import make_name, write
from ml.scenes.painting.light import Light
from ml.scenes.stage import Shade, Stage

Kind = Literal["lamp", "signal", "disc", "triangle", "board", "bollard"]

_STEEL = (118, 122, 124)


@dataclass
class Pole:
    """A pole at `foot`; lengths in metres."""

    foot: Floats
    kind: Kind
    height: float
    radius: float
    towards: int
    """Side of the road from here: -1 or +1."""
    seed: int
    facing: bool = True
    """Whether its sign or lights face the camera."""

    @property
    def depth(self) -> float:
        """Depth of the foot, metres."""
        return float(self.foot[2])

    def shades(self, light: Light) -> list[Shade]:
        """A stripe."""
        r, h = max(self.radius, 0.05), self.height
        stripe = np.array(((-r, 0, 0), (r, 0, 0), (r, h, 0), (-r, h, 0)))
        spot = np.array(((-r, 0, -r), (r, 0, -r), (r, 0, r), (-r, 0, r))) * 2
        return [Shade(light.shadow(self.foot + stripe)), Shade(self.foot + spot, contact=True)]

    def draw(self, stage: Stage) -> None:
        """The pole, then what it carries."""
        rng = np.random.default_rng(self.seed)
        steel = np.array(_STEEL) * rng.uniform(0.45, 1.1)
        self._bar(stage, (0, 0), (0, self.height), 2 * self.radius, steel)
        carried = {"lamp": self._lamp, "signal": self._signal, "bollard": self._bollard}
        carried.get(self.kind, self._sign)(stage, rng, steel)

    def _screen(self, stage: Stage, points: Floats) -> Floats:
        """Metres right of and above the foot, (N, 2), to pixels."""
        foot = stage.camera.project(self.foot[None])[0]
        return np.asarray(foot + points * (1, -1) * stage.camera.scale(self.depth))

    def _bar(
        self,
        stage: Stage,
        a: tuple[float, float],
        b: tuple[float, float],
        width: float,
        color: Color,
    ) -> None:
        path = self._screen(stage, np.array((a, b)))
        wide = width * stage.camera.scale(self.depth)
        lit = np.asarray(color) * stage.light.soft
        stage.canvas.stroke(path, wide, lit, OBJECT, self.depth)
        if wide > 3 and a[0] == b[0]:
            shift = np.sign(stage.light.sun[0]) * wide * 0.24
            stage.canvas.stroke(
                path + np.array((shift, 0)), wide * 0.28, np.minimum(lit * 1.35, 255)
            )
            stage.canvas.stroke(path - (shift * 1.3, 0), wide * 0.25, lit * 0.7)

    def _shape(self, stage: Stage, points: Floats, color: Color, lit: bool = True) -> None:
        factor = stage.light.soft if lit else np.ones(3)
        tone = np.asarray(color, float) * factor
        stage.canvas.polygon(self._screen(stage, points), tone, OBJECT, self.depth)

    def _lamp(self, stage: Stage, rng: np.random.Generator, steel: Floats) -> None:
        top, reach = self.height, self.towards * rng.uniform(0.8, 1.6)
        self._bar(stage, (0, top), (reach, top + 0.25), 0.09, steel)
        x0, x1 = reach - self.towards * 0.1, reach + self.towards * 0.65
        y = top + 0.22
        head = np.array(((x0, y - 0.04), (x1, y - 0.02), (x1, y + 0.08), (x0, y + 0.16)))
        self._shape(stage, head, steel * 1.15)
        glass = np.array(((x0, y - 0.1), (x1, y - 0.06), (x1, y - 0.02), (x0, y - 0.04)))
        self._shape(stage, glass, (255, 226, 160) if stage.light.weather == "dusk" else (206,) * 3)

    def _signal(self, stage: Stage, rng: np.random.Generator, steel: Floats) -> None:
        top = self.height
        case = np.array(((-0.17, top - 0.95), (0.17, top - 0.95), (0.17, top), (-0.17, top)))
        board = (case - (0, top - 0.475)) * (1.5, 1.16) + (0, top - 0.475)
        if self.facing:
            self._shape(stage, board, (26, 27, 28))
        self._shape(stage, case, (18, 19, 20))
        if not self.facing:
            return
        on = int(rng.integers(3))
        lamps = ((255, 60, 44), (255, 176, 40), (70, 255, 150))
        for i, color in enumerate(lamps):
            dim = np.array(color) * (1.0 if i == on else 0.16)
            self._shape(stage, _disc(0, top - 0.17 - 0.305 * i, 0.115), dim, lit=False)
            if i == on:
                self._shape(stage, _disc(0, top - 0.16 - 0.305 * i, 0.05), dim * 0.3 + 180, False)

    def _bollard(self, stage: Stage, rng: np.random.Generator, steel: Floats) -> None:
        y, r = self.height, self.radius
        self._shape(stage, _disc(0, y, r), steel * 1.1)
        band = np.array(((-r, y * 0.8), (r, y * 0.8), (r, y * 0.9), (-r, y * 0.9)))
        self._shape(stage, band, (226, 224, 216) if rng.random() < 0.6 else (196, 60, 44))

    def _sign(self, stage: Stage, rng: np.random.Generator, steel: Floats) -> None:
        y, size = self.height - 0.3, rng.uniform(0.28, 0.38)
        if self.kind == "board":
            half = np.array((rng.uniform(0.35, 0.6), rng.uniform(0.25, 0.45)))
            outline = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1))) * half + (0.0, y)
        elif self.kind == "triangle":
            outline = np.array(((-0.87, -0.5), (0.87, -0.5), (0, 1.0))) * size * 1.25 + (0, y)
        else:
            outline = _disc(0, y, size)
        if not self.facing:
            self._shape(stage, outline, (122, 124, 126))
        elif self.kind == "board":
            self._board(stage, rng, outline)
        else:
            self._symbol(stage, rng, outline, size)

    def _board(self, stage: Stage, rng: np.random.Generator, outline: Floats) -> None:
        """Two names."""
        color = ((28, 92, 58), (30, 70, 150), (236, 236, 232))[rng.integers(3)]
        middle = outline.mean(0)
        self._shape(stage, outline, (236, 236, 232))
        self._shape(stage, middle + (outline - middle) * 0.93, color)
        ink = np.array((40, 40, 44) if color[0] > 200 else (238, 238, 236)) * stage.light.soft
        (x0, y0), (x1, y1) = self._screen(stage, outline[[3, 1]])
        half = (y1 - y0) / 2
        for top in (y0 + half * 0.25, y0 + half * 1.05):
            write(stage.canvas.image, make_name(rng), x0 + half * 0.3, top,
                  x1 - x0 - half * 0.6, half * 0.7, ink)  # fmt: skip

    def _symbol(self, stage: Stage, rng: np.random.Generator, outline: Floats, size: float) -> None:
        """A warning, a speed limit, a closed road or a direction to take."""
        red, white, black, blue = (200, 32, 40), (240, 240, 236), (30, 30, 32), (34, 84, 168)
        middle = outline.mean(0)
        kind = (
            "warning" if self.kind == "triangle" else ("limit", "closed", "arrow")[rng.integers(3)]
        )
        self._shape(stage, outline, white)
        self._shape(stage, middle + (outline - middle) * 0.95, blue if kind == "arrow" else red)
        if kind in ("warning", "limit"):
            inner = 0.62 if kind == "warning" else 0.72
            self._shape(stage, middle + (outline - middle) * inner, white)
        if kind == "limit":
            (x0, y0), (x1, y1) = self._screen(
                stage, middle + size * np.array(((-0.5, 0.4), (0.5, -0.4)))
            )
            ink = np.array(black) * stage.light.soft
            number = ("20", "30", "40", "50")[rng.integers(4)]
            write(stage.canvas.image, number, x0, y0, x1 - x0, y1 - y0, ink)
            return
        marks = {
            "warning": ((-0.1, -0.28), (0.1, -0.28), (0.14, 0.42), (-0.14, 0.42)),
            "closed": ((-0.66, -0.16), (0.66, -0.16), (0.66, 0.16), (-0.66, 0.16)),
            "arrow": ((-0.1, -0.6), (0.1, -0.6), (0.1, 0.1), (0.42, 0.1), (0, 0.66), (-0.42, 0.1),
                      (-0.1, 0.1)),
        }  # fmt: skip
        self._shape(
            stage, middle + np.array(marks[kind]) * size, black if kind == "warning" else white
        )


def _disc(x: float, y: float, radius: float) -> Floats:
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    return np.stack((x + radius * np.cos(turn), y + radius * np.sin(turn)), axis=1)
