"""A pin-hole camera: metres in the street to pixels on the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""Points, vectors and colors."""

Field = NDArray[np.floating[Any]]
"""One value per pixel."""

NEAR = 0.7
"""Nearest depth that is drawn, metres."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A level camera above the ground plane's origin, looking along +z; x is right, y is up.

    The horizon is a row of the picture instead of a pitch angle (a shifted lens), so what stands
    upright in the street stays upright in the picture.
    """

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    focal: float
    """Pixels."""
    horizon: float
    """Row of the horizon, pixels."""
    eye: float
    """Height above the ground, metres."""

    @property
    def center(self) -> float:
        """Column of the optical axis, pixels."""
        return self.width / 2

    def scale(self, z: float) -> float:
        """Pixels per metre at depth z."""
        return self.focal / max(z, NEAR)

    def project(self, points: Floats) -> Floats:
        """Points (N, 3) in metres to (N, 2) pixels."""
        z = np.maximum(points[:, 2], NEAR)
        pixels = np.empty((len(points), 2))
        pixels[:, 0] = self.center + self.focal * points[:, 0] / z
        pixels[:, 1] = self.horizon - self.focal * (points[:, 1] - self.eye) / z
        return pixels

    def outline(self, points: Floats) -> Floats | None:
        """The polygon (N, 3) on the picture, (M, 2), cut at the near plane; None if behind it."""
        inside = points[:, 2] >= NEAR
        if inside.all():
            return self.project(points)
        if not inside.any():
            return None
        kept: list[Floats] = []
        for i, point in enumerate(points):
            before = points[i - 1]
            if inside[i] != inside[i - 1]:
                t = (NEAR - before[2]) / (point[2] - before[2])
                kept.append(before + t * (point - before))
            if inside[i]:
                kept.append(point)
        return self.project(np.array(kept))

    def plane(self, origin: Floats, along: Floats, down: Floats) -> Floats:
        """The homography (3, 3) that takes (a, b, 1) to the picture of origin + a*along + b*down.

        Its third row gives the depth of the point, metres.
        """
        lens = np.array(
            [[self.focal, 0, self.center], [0, -self.focal, self.horizon], [0, 0, 1]], float
        )
        return lens @ np.stack((along, down, origin - (0, self.eye, 0)), axis=1)

    def faces(self, corner: Floats, normal: Floats) -> bool:
        """Whether a surface at `corner` turns its outside to the camera."""
        return float(normal @ (corner - (0, self.eye, 0))) < 0
