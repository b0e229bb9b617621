"""Shapes of vehicles: side profiles that are lofted to closed hulls with details on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from ml.scenes.painting.camera import Floats

Quad = tuple[float, float, float, float]

_CURVE = 0.2
"""How far the corners of rear and front stand back, metres."""


@dataclass(frozen=True)
class Detail:
    """Paint on a face: a polygon (N, 3) and what it is made of."""

    points: Floats
    part: str


@dataclass(frozen=True)
class Face:
    """One face (N, 3) of a hull, metres: right, up, ahead of the rear end."""

    points: Floats
    part: str
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True)
class Shape:
    """A vehicle's outline, from the rear bumper's underside over the roof to the front's.

    Each corner of the profile is (ahead, up, half width); each strip between two corners has a
    part. `belt` are the indices of the corners where the cabin's glass begins and ends.
    """

    profile: tuple[tuple[float, float, float], ...]
    parts: tuple[str, ...]
    belt: tuple[int, int]
    axles: tuple[float, ...]
    wheel: float
    windows: tuple[tuple[float, float], ...]
    """Side windows as (from, to) shares of the cabin's length."""
    rear: tuple[tuple[str, Quad], ...] = ()
    front: tuple[tuple[str, Quad], ...] = ()
    """Details on the ends: part and (x0, x1, y0, y1), metres."""
    half: float = 0.86
    """Half the width at the wheels, metres."""

    @cached_property
    def length(self) -> float:
        """Metres."""
        return max(z for z, _, _ in self.profile)

    @cached_property
    def height(self) -> float:
        """Metres."""
        return max(y for _, y, _ in self.profile)

    @cached_property
    def hull(self) -> tuple[Face, ...]:
        """All faces, in no order. All vehicles of the shape share them."""
        return (*self._strips(), *self._side(-1), *self._side(1))

    def _corner(self, corner: tuple[float, float, float], share: float) -> tuple[float, ...]:
        """The point across a corner of the profile, -1 left to +1 right; ends curve away."""
        z, y, w = corner
        curve = _CURVE * abs(share) ** 6
        back = curve * max(1 - z / 0.7, 0.0) - curve * max(1 - (self.length - z) / 0.7, 0.0)
        return share * w, y, z + back

    def _strips(self) -> list[Face]:
        faces = []
        for (a, b), part in zip(pairwise(self.profile), self.parts, strict=True):
            ends = self.rear if part == "rear" else self.front
            for left, right in pairwise((-1.0, -0.86, -0.6, 0.6, 0.86, 1.0)):
                quad = np.array(
                    [self._corner(c, x) for c, x in ((a, left), (a, right), (b, right), (b, left))]
                )
                details: tuple[Detail, ...] = ()
                if right == 0.6 and part in ("rear", "front"):
                    details = tuple(self._on_end(item, a, b) for item in ends)
                elif right == 0.6 and part == "glass":
                    details = _screen(np.array([self._corner(c, x) for c, x in (
                        (a, -0.94), (a, 0.94), (b, 0.94), (b, -0.94))]))  # fmt: skip
                faces.append(Face(quad, "body" if part == "glass" else part, details))
        return faces

    def _side(self, sign: int) -> list[Face]:
        first, last = self.belt
        outline = [*self.profile[: first + 1], *self.profile[last:]]
        lower = np.array([self._corner(corner, sign) for corner in outline])
        belt = min(self.profile[first][1], self.profile[last][1])
        x, z0, z1 = sign * self.half, 0.16, self.length - 0.18
        low = np.array(((x, 0.24, z0), (x, 0.24, z1), (x, 0.46, z1), (x, 0.46, z0)))
        top = belt - 0.05
        high = np.array(
            ((x, top - 0.12, z0), (x, top - 0.2, z1 - 0.1), (x, top - 0.1, z1 - 0.4), (x, top, z0))
        )
        details = [Detail(low, "low"), Detail(high, "high")]
        cabin = np.array([self._corner(c, sign) for c in self.profile[first : last + 1]])
        for _, stop in self.windows[:-1]:
            z = cabin[0, 2] + stop * (cabin[-1, 2] - cabin[0, 2]) + 0.03
            seam = ((x, 0.35, z), (x, belt, z), (x, belt, z + 0.025), (x, 0.35, z + 0.025))
            details.append(Detail(np.array(seam), "seam"))
        panes = [Detail(_pane(cabin, a, b), "glass") for a, b in self.windows]
        z, out = cabin[-1, 2] - 0.25, x + sign * 0.17
        mirror = ((x, belt, z), (out, belt, z), (out, belt + 0.14, z), (x, belt + 0.12, z))
        panes.append(Detail(np.array(mirror), "low"))
        return [Face(lower, "side", tuple(details)), Face(cabin, "body", tuple(panes))]

    def _on_end(
        self, item: tuple[str, Quad],
        a: tuple[float, float, float], b: tuple[float, float, float],
    ) -> Detail:  # fmt: skip
        """A detail of the rear or the front, bent to its curve."""
        part, (x0, x1, y0, y1) = item
        points = []
        for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)):
            t = (y - a[1]) / (b[1] - a[1])
            z, w = a[0] + t * (b[0] - a[0]), a[2] + t * (b[2] - a[2])
            points.append(self._corner((z, y, w), float(np.clip(x / w, -1, 1))))
        return Detail(np.array(points), part)


def _screen(quad: Floats) -> tuple[Detail, ...]:
    """A wind or rear screen: glass that is lighter below, the seats' heads, a reflection."""
    a, b, c, d = quad

    def box(x0: float, x1: float, y0: float, y1: float, lean: float = 0.0) -> Floats:
        return np.array(
            [
                (1 - y) * ((1 - x) * a + x * b) + y * ((1 - x) * d + x * c)
                for x, y in ((x0, y0), (x1, y0), (x1 + lean, y1), (x0 + lean, y1))
            ]
        )

    low_is_first = a[1] < d[1]

    def row(y0: float, y1: float) -> tuple[float, float]:
        return (y0, y1) if low_is_first else (1 - y1, 1 - y0)

    heads = [Detail(box(x, x + 0.15, *row(0.22, 0.58)), "seat") for x in (0.2, 0.64)]
    return (
        Detail(box(0.03, 0.97, *row(0.07, 0.93)), "glass"),
        Detail(box(0.04, 0.96, *row(0.07, 0.3)), "haze"),
        *heads,
        Detail(box(0.30, 0.52, 0.08, 0.92, 0.12), "sheen"),
    )


def _pane(cabin: Floats, start: float, stop: float) -> Floats:
    """A side window: the cabin's outline between two shares of its length, pulled in a little."""
    z = cabin[:, 2]
    base, length = z[0], z[-1] - z[0]
    edge = 0.05
    at = np.linspace(base + start * length + edge, base + stop * length - edge, 5)
    roof = np.interp(at, z, cabin[:, 1])
    belt = np.interp(at, (z[0], z[-1]), (cabin[0, 1], cabin[-1, 1]))
    out = np.interp(at, z, cabin[:, 0])
    sill = np.interp(at, (z[0], z[-1]), (cabin[0, 0], cabin[-1, 0]))
    top = belt + np.maximum(roof - belt - 0.09, 0.0)
    bottom = np.minimum(belt + 0.04, top)
    share = np.clip((top - belt) / np.maximum(roof - belt, 1e-3), 0, 1)
    upper = np.stack((sill + (out - sill) * share, top, at), axis=1)
    lower = np.stack((sill, bottom, at), axis=1)
    return np.concatenate((upper, lower[::-1]))
