"""A small sheet for round things: drawn flat in metres, then shaded as if it had a body."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.scenes.painting.camera import Floats
from ml.scenes.painting.canvas import Color
from ml.scenes.stage import Stage

_SHIFT = 4


class Sprite:
    """A picture with opacity whose foot (0, 0) will stand on a point of the ground.

    `reach` is how far it goes to either side, `height` how far up, metres; `scale` pixels per
    metre.
    """

    def __init__(self, reach: float, height: float, scale: float) -> None:
        self.scale = scale
        self.foot = (int(reach * scale) + 3, int(height * scale) + 3)
        size = (self.foot[1] + 6, 2 * self.foot[0])
        self.rgb: NDArray[np.uint8] = np.zeros((*size, 3), np.uint8)
        self.alpha: NDArray[np.uint8] = np.zeros(size, np.uint8)

    def _fixed(self, points: Floats | Sequence[Sequence[float]]) -> NDArray[np.int32]:
        flipped = np.asarray(points, float) * (self.scale, -self.scale) + self.foot
        fixed: NDArray[np.int32] = np.round(flipped * 2**_SHIFT).astype(np.int32)
        return fixed

    def polygon(self, points: Floats | Sequence[Sequence[float]], color: Color) -> None:
        """Fill the polygon (N, 2), metres to the right and up."""
        fixed = [self._fixed(points)]
        # Colors spread beyond the edge so that soft edges do not mix with the empty sheet.
        cv2.polylines(self.rgb, fixed, True, tuple(map(float, color)), 2, cv2.LINE_8, _SHIFT)
        cv2.fillPoly(self.rgb, fixed, tuple(map(float, color)), cv2.LINE_8, _SHIFT)
        cv2.fillPoly(self.alpha, fixed, 255, cv2.LINE_AA, _SHIFT)

    def disc(self, x: float, y: float, rx: float, ry: float, color: Color) -> None:
        """Fill an ellipse."""
        turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        self.polygon(np.stack((x + rx * np.cos(turn), y + ry * np.sin(turn)), axis=1), color)

    def limb(
        self, joints: Sequence[Sequence[float]], widths: Sequence[float], color: Color
    ) -> None:
        """A rounded band along the joints, with its width at each of them."""
        for (a, b), (wa, wb) in zip(pairwise(joints), pairwise(widths), strict=True):
            step = np.subtract(b, a)
            across = np.array((-step[1], step[0])) / max(float(np.hypot(*step)), 1e-6) / 2
            band = (a + across * wa, b + across * wb, b - across * wb, a - across * wa)
            self.polygon(np.array(band), color)
        for (x, y), width in zip(joints, widths, strict=True):
            self.disc(x, y, width / 2, width / 2, color)

    def ring(self, x: float, y: float, radius: float, width: float, color: Color) -> None:
        """A circle's line."""
        turn = np.linspace(0, 2 * np.pi, 28)
        path = np.stack((x + radius * np.cos(turn), y + radius * np.sin(turn)), axis=1)
        self.line(path, width, color)

    def line(self, path: Floats | Sequence[Sequence[float]], width: float, color: Color) -> None:
        """A line, at least one pixel wide."""
        thick = max(round(width * self.scale), 1)
        for sheet, value in ((self.rgb, tuple(map(float, color))), (self.alpha, 255)):
            extra = 2 if sheet is self.rgb else 0
            kind = cv2.LINE_8 if sheet is self.rgb else cv2.LINE_AA
            cv2.polylines(sheet, [self._fixed(path)], False, value, thick + extra, kind, _SHIFT)

    def place(self, stage: Stage, foot: Floats, category: int, roundness: float = 0.5) -> None:
        """Light the sprite and stand it on the ground point `foot` (3,)."""
        x, y = stage.camera.project(foot[None])[0]
        factor = stage.light.soft * np.ones(3)
        alpha = self.alpha.astype(np.float32) / np.float32(255)
        depth = cv2.GaussianBlur(alpha, (0, 0), max(0.045 * self.scale, 0.8))
        gx = cv2.Sobel(depth, cv2.CV_32F, 1, 0)
        gy = cv2.Sobel(depth, cv2.CV_32F, 0, 1)
        sun = stage.light.sun if stage.light.sunny else np.array((0.0, 1.0, 0.0))
        body = -gx * float(sun[0]) + gy * float(sun[1])
        value = np.clip(1 + roundness * body / (np.abs(body).max() + 1e-3), 0.4, 1.6)
        lit = np.clip(self.rgb * value[..., None] * factor, 0, 255).astype(np.uint8)
        left, top = round(x) - self.foot[0], round(y) - self.foot[1]
        stage.canvas.stamp(left, top, lit, alpha, category, float(foot[2]))
