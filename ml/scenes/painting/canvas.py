"""The three sheets that every thing draws itself on: picture, truth and depth."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.scenes.painting.camera import Field, Floats

VOID, FLAT, CONSTRUCTION, OBJECT, NATURE, SKY, HUMAN, VEHICLE = range(8)

Color = Sequence[float] | Floats
"""Red, green, blue, 0..255."""

_SHIFT = 4
_FAR = 12_000
"""Pixels beyond which OpenCV's fixed-point polygons overflow."""


class Canvas:
    """Picture (H, W, 3) uint8 RGB, truth (H, W) uint8 categories and depth (H, W) metres.

    Drawing with a category writes all three from one geometry: smooth edges in the picture, hard
    ones in the truth. Drawing without one is paint on what is there already.
    """

    def __init__(self, width: int, height: int) -> None:
        self.image: NDArray[np.uint8] = np.zeros((height, width, 3), np.uint8)
        self.truth: NDArray[np.uint8] = np.zeros((height, width), np.uint8)
        self.depth: NDArray[np.float32] = np.full((height, width), 1e4, np.float32)

    def polygon(
        self, points: Floats, color: Color, category: int | None = None, depth: float = 1.0
    ) -> None:
        """Fill the polygon (N, 2) of pixel coordinates."""
        fixed = [np.round(np.clip(points, -_FAR, _FAR) * 2**_SHIFT).astype(np.int32)]
        cv2.fillPoly(self.image, fixed, _scalar(color), cv2.LINE_AA, _SHIFT)
        if category is not None:
            cv2.fillPoly(self.truth, fixed, category, cv2.LINE_8, _SHIFT)
            cv2.fillPoly(self.depth, fixed, depth, cv2.LINE_8, _SHIFT)

    def stroke(
        self,
        points: Floats,
        width: float,
        color: Color,
        category: int | None = None,
        depth: float = 1.0,
    ) -> None:
        """A band of `width` pixels along the path (N, 2), never thinner than one pixel."""
        width = max(width, 1.2)
        step = np.gradient(points, axis=0)
        across = np.stack((-step[:, 1], step[:, 0]), axis=1)
        across *= width / 2 / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
        self.polygon(
            np.concatenate((points + across, (points - across)[::-1])), color, category, depth
        )

    def twigs(self, paths: Floats, color: Color, category: int, depth: float) -> None:
        """Thin lines (N, 2, 2), one pixel in the picture and three in the truth.

        People who label trees paint over the gaps between twigs, so the truth is the wider one.
        """
        fixed = list(np.round(np.clip(paths, -_FAR, _FAR) * 2**_SHIFT).astype(np.int32))
        cv2.polylines(self.image, fixed, False, _scalar(color), 1, cv2.LINE_AA, _SHIFT)
        cv2.polylines(self.truth, fixed, False, category, 3, cv2.LINE_8, _SHIFT)
        cv2.polylines(self.depth, fixed, False, depth, 3, cv2.LINE_8, _SHIFT)

    def stamp(
        self,
        left: int,
        top: int,
        patch: NDArray[np.uint8],
        alpha: Field,
        category: int | None,
        depth: float | Field,
    ) -> None:
        """Lay a patch (h, w, 3) with opacity 0..1 (h, w) on the picture; parts outside fall off."""
        height, width = self.truth.shape
        y0, y1 = max(top, 0), min(top + alpha.shape[0], height)
        x0, x1 = max(left, 0), min(left + alpha.shape[1], width)
        if y0 >= y1 or x0 >= x1:
            return
        inner = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        outer = np.s_[y0:y1, x0:x1]
        a = alpha[inner]
        below = self.image[outer]
        mixed = below + (patch[inner].astype(np.float32) - below) * a[..., None]
        self.image[outer] = np.round(mixed)
        if category is not None:
            solid = a > 0.5
            self.truth[outer][solid] = category
            depths = depth if isinstance(depth, float) else depth[inner][solid]
            self.depth[outer][solid] = depths

    def surface(self, texture: NDArray[np.uint8], homography: Floats, category: int) -> None:
        """Lay a flat texture (h, w, 4) RGBA, pixels (a, b), where the homography projects it.

        The homography's third row must give metres of depth (see `Camera.plane`); every point of
        the texture must lie before the camera.
        """
        h, w = texture.shape[:2]
        corners = homography @ np.array([[0, w, w, 0], [0, 0, h, h], [1, 1, 1, 1]], float)
        screen = corners[:2] / corners[2]
        height, width = self.truth.shape
        x0, y0 = np.clip(np.floor(screen.min(1)), 0, (width, height)).astype(int)
        x1, y1 = np.clip(np.ceil(screen.max(1)), 0, (width, height)).astype(int)
        if x1 <= x0 or y1 <= y0:
            return
        local = np.array([[1, 0, -x0], [0, 1, -y0], [0, 0, 1]], float) @ homography
        warped = cv2.warpPerspective(
            texture, local, (int(x1 - x0), int(y1 - y0)), flags=cv2.INTER_LINEAR
        )
        back = np.linalg.inv(local)
        xs = np.arange(x1 - x0, dtype=np.float32)
        ys = np.arange(y1 - y0, dtype=np.float32)[:, None]
        inverse = (back[2, 0] * xs + back[2, 1] * ys + back[2, 2]).astype(np.float32)
        depth = 1 / np.maximum(inverse, 1e-4)
        alpha = warped[..., 3].astype(np.float32) / 255
        self.stamp(int(x0), int(y0), warped[..., :3], alpha, category, depth)


def _scalar(color: Color) -> tuple[float, ...]:
    return tuple(float(min(max(c, 0.0), 255.0)) for c in color)
