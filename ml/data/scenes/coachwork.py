"""Shapes of vehicles: side profiles that are lofted to closed hulls with details on them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ml.data.scenes.camera import Floats

Quad = tuple[float, float, float, float]


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
    half: float = field(default=0.86)

    @property
    def length(self) -> float:
        """Metres."""
        return max(z for z, _, _ in self.profile)

    @property
    def height(self) -> float:
        """Metres."""
        return max(y for _, y, _ in self.profile)

    def hull(self) -> list[Face]:
        """All faces, in no order."""
        return [*self._strips(), *self._side(-1), *self._side(1)]

    def _strips(self) -> list[Face]:
        faces = []
        for (a, b), part in zip(
            zip(self.profile, self.profile[1:], strict=False), self.parts, strict=True
        ):
            quad = np.array(
                ((-a[2], a[1], a[0]), (a[2], a[1], a[0]), (b[2], b[1], b[0]), (-b[2], b[1], b[0]))
            )
            details: list[Detail] = []
            if part == "glass":
                details = [Detail(_inset(quad, 0.06), "glass"), Detail(_streak(quad), "sheen")]
            elif part in ("rear", "front"):
                z = a[0], b[0]
                ends = self.rear if part == "rear" else self.front
                details = [_on_end(item, quad, z) for item in ends]
            faces.append(Face(quad, "body" if part == "glass" else part, tuple(details)))
        return faces

    def _side(self, sign: int) -> list[Face]:
        first, last = self.belt
        outline = [*self.profile[: first + 1], *self.profile[last:]]
        x = sign * self.half
        lower = np.array([(x, y, z) for z, y, _ in outline])
        belt = min(self.profile[first][1], self.profile[last][1])
        z0, z1 = 0.04, self.length - 0.05
        low = np.array(((x, 0.24, z0 + 0.04), (x, 0.24, z1), (x, 0.46, z1), (x, 0.46, z0)))
        top = belt - 0.05
        high = np.array(
            ((x, top - 0.12, z0 + 0.05), (x, top - 0.2, z1 - 0.1), (x, top - 0.1, z1 - 0.4),
             (x, top, z0 + 0.1))
        )  # fmt: skip
        details = [Detail(low, "low"), Detail(high, "high")]
        cabin = np.array([(sign * w, y, z) for z, y, w in self.profile[first : last + 1]])
        for start, stop in self.windows[:-1]:
            z = cabin[0, 2] + stop * (cabin[-1, 2] - cabin[0, 2]) + 0.03
            if start >= 0:
                seam = ((x, 0.35, z), (x, belt, z), (x, belt, z + 0.025), (x, 0.35, z + 0.025))
                details.append(Detail(np.array(seam), "seam"))
        panes = tuple(
            Detail(pane, "glass") for pane in (_pane(cabin, a, b) for a, b in self.windows)
        )
        return [Face(lower, "side", tuple(details)), Face(cabin, "body", panes)]


def _inset(quad: Floats, share: float) -> Floats:
    return np.asarray(quad + (quad.mean(0) - quad) * share * 2)


def _streak(quad: Floats) -> Floats:
    """A slanting reflection across a pane."""
    a, b, c, d = _inset(quad, 0.07)
    low, high = a + (b - a) * np.array([[0.12], [0.3]]), d + (c - d) * np.array([[0.3], [0.55]])
    return np.array((low[0], low[1], high[1], high[0]))


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


def _on_end(item: tuple[str, Quad], quad: Floats, z: tuple[float, float]) -> Detail:
    part, (x0, x1, y0, y1) = item
    low, high = quad[0, 1], quad[2, 1]
    depth = np.interp((y0, y1), sorted((low, high)), z if low < high else z[::-1])
    points = ((x0, y0, depth[0]), (x1, y0, depth[0]), (x1, y1, depth[1]), (x0, y1, depth[1]))
    return Detail(np.array(points), part)
