"""Cars, vans and buses: a lofted body with glass, lamps and wheels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ml.scenes.painting.camera import Floats
from ml.scenes.painting.canvas import VEHICLE, Color
from ml.scenes.painting.light import Light
from ml.scenes.stage import Shade, Stage
from ml.scenes.things.coachwork import Shape

_PAINTS = (
    (196, 198, 200), (222, 222, 220), (44, 46, 50), (28, 28, 32), (112, 116, 122), (150, 24, 28),
    (30, 54, 112), (66, 98, 142), (40, 74, 56), (176, 170, 150), (96, 22, 34), (84, 92, 100),
)  # fmt: skip
_GLASS = np.array((40.0, 47.0, 54.0))
_PLAIN = 9.0
"""Pixels per metre below which details are smaller than a pixel."""
_RUBBER = (24, 24, 26)


def paint_color(rng: np.random.Generator) -> Floats:
    """A usual car color."""
    return np.array(_PAINTS[rng.integers(len(_PAINTS))]) * rng.uniform(0.9, 1.08)


@dataclass
class Vehicle:
    """A vehicle of some shape, the middle of its floor at `foot`."""

    foot: Floats
    yaw: float
    """0 shows its rear to the camera, pi its front; radians, turning right."""
    shape: Shape
    color: Floats
    braking: bool = False
    beams: bool = False
    """Whether its head lamps are on."""

    @property
    def depth(self) -> float:
        """Depth of the middle, metres."""
        return float(self.foot[2])

    def _world(self, points: Floats) -> Floats:
        """Local points (N, 3) (right, up, ahead of the rear end) to the street."""
        x, ahead = points[:, 0], points[:, 2] - self.shape.length / 2
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        turned = np.empty_like(points, np.float64)
        turned[:, 0], turned[:, 1] = x * cos + ahead * sin, points[:, 1]
        turned[:, 2] = ahead * cos - x * sin
        return np.asarray(turned + self.foot)

    def shades(self, light: Light) -> list[Shade]:
        """The darkness beneath, and the body's shadow."""
        half, length, height = self.shape.half, self.shape.length, self.shape.height
        found = []
        for grow in (-0.15, 0.0, 0.15):
            x, z0, z1 = half + grow, -grow, length + grow
            floor = np.array(((-x, 0, z0), (x, 0, z0), (x, 0, z1), (-x, 0, z1)))
            found.append(Shade(self._world(floor), contact=True))
        for level, inset in ((height * 0.6, 0.0), (height, 0.8)):
            z0, z1 = inset, length - inset
            top = ((-half, level, z0), (half, level, z0), (half, level, z1), (-half, level, z1))
            found.append(Shade(light.shadow(self._world(np.array(top)))))
        return found

    def draw(self, stage: Stage) -> None:
        """Wheels beneath, hull by distance, then glass and lamps on what is seen."""
        eye = np.array((0, stage.camera.eye, 0))
        self._tyres(stage)
        inside = np.array((0, self.shape.height * 0.5, self.shape.length / 2))
        (middle,) = self._world(inside[None])
        faces = []
        for face in self.shape.hull:
            points = self._world(face.points)
            center, normal = points.mean(0), _normal(points)
            if normal @ (center - middle) < 0:
                normal = -normal
            normal /= max(float(np.linalg.norm(normal)), 1e-6)
            if normal @ (center - eye) < 0:
                faces.append((float(np.linalg.norm(center - eye)), face, points, normal))
        faces.sort(key=lambda item: -item[0])
        for _, face, points, normal in faces:
            self._fill(stage, points, self._tone(stage, face.part, normal))
        self._polish(stage)
        if stage.camera.scale(self.depth) < _PLAIN:
            return
        for _, face, _, normal in faces:
            for detail in face.details:
                self._detail(stage, detail.points, detail.part, normal)
            if face.part == "side":
                self._wheels(stage, float(face.points[0, 0]))

    def _tone(self, stage: Stage, part: str, normal: Floats) -> Floats:
        light = 0.5 * stage.light.on(normal) + 0.5 * stage.light.soft
        gloss = 16 * max(float(normal[1]), 0.0) + 10 * max(float(normal @ stage.light.sun), 0.0)
        colors = {
            "glass": _GLASS * 0.85 + 26 * max(float(normal[1]), 0.0),
            "plate": np.array((226.0, 214.0, 150.0)) if self._rear else np.array((228.0,) * 3),
            "seat": _GLASS * 0.72 + 16 * max(float(normal[1]), 0.0),
            "sheen": _GLASS + 18 + 34 * max(float(normal[1]), 0.0),
            "haze": _GLASS + 4 + 34 * max(float(normal[1]), 0.0),
            "bumper": self.color * 0.78 + 4,
            "dark": np.array((20.0, 20.0, 22.0)),
            "low": self.color * 0.66,
            "high": np.minimum(self.color * 1.12 + 14, 255),
            "seam": self.color * 0.55,
            "chrome": np.array((170.0, 172.0, 176.0)),
        }
        return np.asarray(colors.get(part, self.color + gloss) * light)

    @property
    def _rear(self) -> bool:
        return bool(abs(np.sin(self.yaw / 2)) < 0.7)

    def _detail(self, stage: Stage, local: Floats, part: str, normal: Floats) -> None:
        tones: dict[str, Color] = {
            "tail": (255, 54, 40) if self.braking else (150, 22, 24),
            "head": (236, 234, 222) if self.beams else (150, 156, 162),
            "lens": (255, 255, 246) if self.beams else (214, 218, 222),
            "amber": (214, 120, 36),
        }
        tone = tones.get(part)
        self._fill(
            stage, self._world(local), self._tone(stage, part, normal) if tone is None else tone
        )

    def _fill(self, stage: Stage, points: Floats, color: Color) -> None:
        outline = stage.camera.outline(points)
        if outline is not None:
            stage.canvas.polygon(outline, color, VEHICLE, self.depth)

    def _polish(self, stage: Stage) -> None:
        """Soften the facets of the hull, and let its lower parts mirror the road."""
        canvas, scale = stage.canvas, stage.camera.scale(self.depth)
        reach = int((self.shape.length + self.shape.height) / 2 * scale) + 2
        x, y = stage.camera.project(self.foot[None])[0]
        rows = slice(max(int(y) - reach, 0), max(int(y) + reach, 0))
        columns = slice(max(int(x) - reach, 0), max(int(x) + reach, 0))
        own = canvas.depth[rows, columns] == np.float32(self.depth)
        own &= canvas.truth[rows, columns] == VEHICLE
        if scale < 12 or not own.any():
            return
        weight = own.astype(np.float32)
        image = canvas.image[rows, columns].astype(np.float32)
        sigma = 0.035 * scale
        blurred = cv2.GaussianBlur(image * weight[..., None], (0, 0), sigma)
        spread = cv2.GaussianBlur(weight, (0, 0), sigma)
        height = (y - np.arange(rows.start, rows.start + own.shape[0])) / scale
        tone = np.interp(height, (0.2, 0.55, 0.75, 1.0), (0.72, 0.92, 1.06, 1.0))
        smooth = blurred / np.maximum(spread, 0.05)[..., None] * tone[:, None, None]
        canvas.image[rows, columns][own] = np.clip(smooth, 0, 255)[own]

    def _tyres(self, stage: Stage) -> None:
        radius = self.shape.wheel
        for z in self.shape.axles:
            for x in (-self.shape.half + 0.03, self.shape.half - 0.23):
                for end in (z - radius * 0.9, z + radius * 0.9):
                    box = ((x, 0, end), (x + 0.2, 0, end), (x + 0.2, radius, end), (x, radius, end))
                    self._fill(stage, self._world(np.array(box)), np.array(_RUBBER) * 0.8)

    def _wheels(self, stage: Stage, x: float) -> None:
        turn = np.linspace(0, 2 * np.pi, 22, endpoint=False)
        circle = np.stack((0 * turn, np.sin(turn), np.cos(turn)), axis=1)
        radius = self.shape.wheel
        rim = np.array((112, 114, 118)) * stage.light.soft
        for z in self.shape.axles:
            hub = np.array((x, radius, z))
            for size, tone in (
                (1.16, (14, 14, 16)),
                (1.0, _RUBBER),
                (0.62, rim),
                (0.52, rim * 0.5),
            ):
                ring = hub + circle * radius * size
                if size > 1:
                    ring[:, 1] = np.maximum(ring[:, 1], radius)
                self._fill(stage, self._world(ring), tone)
            for angle in np.arange(5) * 2 * np.pi / 5 + z:
                spoke = np.array(((0, 0, 0), (0, np.sin(angle), np.cos(angle))))
                path = stage.camera.outline(self._world(hub + spoke * radius * 0.6))
                if path is not None and len(path) == 2 and stage.camera.scale(self.depth) > 40:
                    width = 0.07 * stage.camera.scale(self.depth)
                    stage.canvas.stroke(path, width, rim)


def _normal(points: Floats) -> Floats:
    """The sum of the cross products of neighbouring corners (N, 3)."""
    x, y, z = points.T
    u, v, w = np.concatenate((points[1:], points[:1])).T
    crossed = np.empty_like(points)
    crossed[:, 0], crossed[:, 1], crossed[:, 2] = y * w - z * v, z * u - x * w, x * v - y * u
    return np.asarray(crossed.sum(axis=0))
