"""Buildings along the street: a front, a gable towards the camera, a roof."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.scenes.painting.camera import Field, Floats
from ml.scenes.painting.canvas import CONSTRUCTION
from ml.scenes.painting.light import Light
from ml.scenes.painting.texture import noise, rooftiles
from ml.scenes.stage import Shade, Stage
from ml.scenes.street import Street
from ml.scenes.style import Style
from ml.scenes.things.facade import draw_front, draw_gable

_DOWN = np.array((0.0, -1.0, 0.0))
_ROOFS = ((92, 88, 92), (150, 88, 66), (120, 74, 60), (104, 98, 94))


@dataclass
class Building:
    """A house on one side of the street, from z to z + length, its front at distance `front`."""

    street: Street
    sign: int
    """-1 left, +1 right."""
    front: float
    z: float
    length: float
    height: float
    """Of the eaves, metres."""
    pitch: float
    """Rise of the roof's ridge above the eaves, metres; 0 is a flat roof."""
    breadth: float
    style: Style
    seed: int

    @property
    def depth(self) -> float:
        """Depth of the nearest corner, metres."""
        return self.z

    def shades(self, light: Light) -> list[Shade]:
        """The shadow of the whole block."""
        near, far = self._corner(self.z), self._corner(self.z + self.length)
        out = np.array((self.sign * self.breadth, 0.0, 0.0))
        ground = np.array((near, far, far + out, near + out))
        top = ground.copy()
        top[:, 1] = self.height + 0.5 * self.pitch
        hull = cv2.convexHull(
            np.concatenate((ground, light.shadow(top)))[:, [0, 2]].astype(np.float32)
        )[:, 0]
        return [Shade(np.stack((hull[:, 0], 0 * hull[:, 0], hull[:, 1]), axis=1).astype(float))]

    def _corner(self, z: float) -> Floats:
        return self.street.at(self.sign * self.front, z)

    def draw(self, stage: Stage) -> None:
        """Roof first, then the gable, then the front."""
        rng = np.random.default_rng(self.seed)
        near = max(self.z, 0.9)
        a, b = self._corner(near), self._corner(self.z + self.length)
        along = (b - a) / np.linalg.norm(b - a)
        outside = np.array((-self.sign, 0.0, self.sign * along[0] / max(along[2], 0.1)))
        outside /= np.linalg.norm(outside)
        if self.pitch > 0:
            self._draw_roof(stage, rng, a, b, along)
        self._draw_gable(stage, rng, a)
        if stage.camera.faces(a, outside):
            self._draw_front(stage, rng, a, b, along, outside)

    def _draw_front(
        self, stage: Stage, rng: np.random.Generator,
        a: Floats, b: Floats, along: Floats, outside: Floats,
    ) -> None:  # fmt: skip
        length = float(np.linalg.norm(b - a))
        ppm = float(np.clip(0.5 * stage.camera.focal / np.sqrt(a[2] * b[2]), 7, 56))
        texture = draw_front(self.style, rng, length, self.height, ppm)
        shaded = self._lit(texture, stage.light, rng, outside, ppm)
        # Names must read from left to right: that is away from the camera on the left side only.
        start, step = (a, along) if self.sign < 0 else (b, -along)
        _lay(stage, shaded, start + np.array((0, self.height, 0)), step / ppm, _DOWN / ppm)

    def _lit(
        self, texture: NDArray[np.uint8], light: Light, rng: np.random.Generator,
        outside: Floats, ppm: float,
    ) -> NDArray[np.uint8]:  # fmt: skip
        """The texture under the light, its lower part in the shadow of the other side."""
        full = light.on(outside)
        if not light.sunny or float(outside @ light.sun) <= 0:
            return _uint8(texture * full)
        h, w = texture.shape[:2]
        across = 2 * self.front
        line = rng.uniform(5, 10) - across * light.sun[1] / max(abs(light.sun[0]), 0.1)
        y = np.arange(h, dtype=np.float32)[::-1, None] / ppm
        steps = cv2.resize(
            rng.uniform(-1.5, 1.5, (1, max(int(self.length / 4), 2))).astype(np.float32),
            (w, 1), interpolation=cv2.INTER_NEAREST,
        )  # fmt: skip
        wobble = 0.1 * noise(rng, 1, w, ppm)
        dark = np.clip((line + steps + wobble - y) * 6 + 0.5, 0, 1)[..., None]
        factor = full * (1 - dark) + light.ambient * 0.82 * dark
        return _uint8(texture * factor)

    def _draw_gable(self, stage: Stage, rng: np.random.Generator, a: Floats) -> None:
        """The end wall that looks back at the camera."""
        if self.z < 1:
            return
        ppm = float(np.clip(0.6 * stage.camera.focal / a[2], 6, 40))
        rise = self.height + self.pitch
        wall = draw_gable(self.style, rng, self.breadth, self.height, rise, ppm)
        h, w = wall.shape[:2]
        alpha = np.full((h, w), 255, np.uint8)
        if self.pitch > 0:
            eaves = h * self.pitch / rise
            for corner in ((0, 0), (w, 0)):
                cut = np.array((corner, (w / 2, 0), (corner[0], eaves)), np.int32)
                cv2.fillPoly(alpha, [cut], 0, cv2.LINE_AA)
        facing = np.array((0.0, 0.0, -1.0))
        dim = stage.light.on(facing) * rng.uniform(0.86, 0.98)
        lit = _uint8(wall * dim)
        along = np.array((float(self.sign), 0.0, 0.0))
        _lay(stage, lit, a + np.array((0, rise, 0)), along / ppm, _DOWN / ppm, alpha)

    def _draw_roof(
        self, stage: Stage, rng: np.random.Generator, a: Floats, b: Floats, along: Floats
    ) -> None:
        length, run = float(np.linalg.norm(b - a)), self.breadth / 2
        slope = float(np.hypot(run, self.pitch))
        down = np.array((-self.sign * run, -self.pitch, 0.0)) / slope
        normal = np.array((-self.sign * self.pitch, run, 0.0)) / slope
        ridge = a + np.array((self.sign * run, self.height + self.pitch, 0))
        if stage.camera.faces(ridge, normal):
            ppm = float(np.clip(0.5 * stage.camera.focal / np.sqrt(a[2] * b[2]), 6, 30))
            color = np.array(_ROOFS[rng.integers(len(_ROOFS))]) * rng.uniform(0.85, 1.1)
            tiles = rooftiles(rng, int((slope + 0.3) * ppm), int(length * ppm), ppm, color)
            lit = _uint8(tiles * stage.light.on(normal))
            _lay(stage, lit, ridge, along / ppm, down / ppm)
        self._draw_chimney(stage, rng, ridge + along * rng.uniform(0.1, 0.8) * length)

    def _draw_chimney(self, stage: Stage, rng: np.random.Generator, foot: Floats) -> None:
        if rng.random() < 0.4:
            return
        color = np.array(self.style.color) * 0.8
        for side, width, tone in ((0.0, 0.9, 0.75), (-self.sign * 0.45, 0.5, 1.0)):
            x, y = stage.camera.project((foot + np.array((side, -0.8, 0)))[None])[0]
            half, tall = (stage.camera.scale(foot[2]) * size for size in (width / 2, 2.1))
            box = np.array(
                ((x - half, y), (x + half, y), (x + half, y - tall), (x - half, y - tall))
            )
            stage.canvas.polygon(box, color * stage.light.soft * tone, CONSTRUCTION, foot[2])


def _uint8(values: Field) -> NDArray[np.uint8]:
    clipped: NDArray[np.uint8] = np.clip(values, 0, 255).astype(np.uint8)
    return clipped


def _lay(
    stage: Stage, texture: NDArray[np.uint8], origin: Floats, along: Floats, down: Floats,
    alpha: NDArray[np.uint8] | None = None,
) -> None:  # fmt: skip
    opaque = np.full(texture.shape[:2], 255, np.uint8) if alpha is None else alpha
    sheet = np.dstack((texture, opaque))
    stage.canvas.surface(sheet, stage.camera.plane(origin, along, down), CONSTRUCTION)
