"""The street's plan: how it bends, and what lies beside it, band by band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ml.scenes.painting.camera import Field, Floats

KERB = 0.16
"""Width of the kerb stones, metres."""

_STRAIGHT = 90.0
"""Where a bend ends, metres."""


@dataclass(frozen=True)
class Side:
    """What lies beyond one kerb, from the road outwards; widths in metres."""

    kind: Literal["town", "suburb", "park"]
    verge: float
    """Grass between kerb and pavement."""
    pavement: float
    garden: float
    """Ground between the pavement and the building line."""
    paved: bool
    """Whether that ground is paved."""


@dataclass(frozen=True)
class Street:
    """A road along +z whose middle is bent; u is metres to the right of the middle."""

    half: float
    """Half the road's width between the kerbs."""
    offset: float
    """u of the camera."""
    slope: float
    """Sideways metres per metre ahead, at the camera."""
    bend: float
    """How the slope grows, per metre."""
    drive: int
    """+1 where one drives on the right, -1 on the left."""
    left: Side
    right: Side
    crossing: float | None
    """z of a zebra crossing's near edge."""
    junction: tuple[int, float, float] | None
    """A side road: its side (-1 or +1) and the z where its mouth begins and ends."""

    @property
    def stop(self) -> float | None:
        """z where traffic lights may stand."""
        if self.crossing is not None:
            return self.crossing
        return None if self.junction is None else self.junction[1] - 1.5

    def middle(self, z: Field) -> Field:
        """x of the road's middle at each depth z."""
        near = np.minimum(z, np.float32(_STRAIGHT))
        x: Field = self.bend * near * (z - near / 2) + self.slope * z - self.offset
        return x

    def heading(self, z: float) -> float:
        """The road's sideways direction at depth z, metres per metre."""
        return self.slope + self.bend * min(z, _STRAIGHT)

    def at(self, u: float, z: float, y: float = 0.0) -> Floats:
        """The point (3,) at u, y above the ground, depth z."""
        return np.array((float(self.middle(np.array(z, np.float32))) + u, y, z))

    def side(self, sign: int) -> Side:
        """The left (-1) or right (+1) side."""
        return self.right if sign > 0 else self.left

    def front(self, sign: int) -> float:
        """Distance of the building line from the road's middle, metres."""
        side = self.side(sign)
        return self.half + KERB + side.verge + side.pavement + side.garden

    def walkway(self, sign: int) -> tuple[float, float]:
        """The pavement's inner and outer distance from the middle."""
        side = self.side(sign)
        inner = self.half + KERB + side.verge
        return inner, inner + side.pavement


def _make_side(rng: np.random.Generator, kind: Literal["town", "suburb", "park"]) -> Side:
    if kind == "town":
        garden = rng.uniform(0.5, 2.5) if rng.random() < 0.2 else 0.0
        return Side(kind, 0.0, rng.uniform(1.6, 3.6), garden, True)
    verge = rng.uniform(1.0, 2.5) if rng.random() < 0.45 else 0.0
    garden = rng.uniform(3.0, 7.0) if kind == "suburb" else rng.uniform(8.0, 14.0)
    return Side(kind, verge, rng.uniform(1.5, 2.4), garden, rng.random() < 0.15)


def make_street(rng: np.random.Generator) -> Street:
    """A random street with the camera in a lane of it."""
    kinds: tuple[Literal["town", "suburb", "park"], ...] = ("town", "suburb", "park")
    first = kinds[rng.choice(3, p=(0.76, 0.18, 0.06))]
    second = first if rng.random() < 0.6 else kinds[rng.choice(3, p=(0.64, 0.26, 0.10))]
    half = rng.uniform(3.1, 5.2)
    drive = 1 if rng.random() < 0.5 else -1
    curved = rng.random() < 0.5
    bend = rng.normal(0, 0.0045) if curved else rng.normal(0, 0.0002)
    junction = None
    if rng.random() < 0.4:
        start = rng.uniform(12, 34)
        junction = (1 if rng.random() < 0.5 else -1, start, start + rng.uniform(6, 9))
    return Street(
        half=half,
        offset=drive * half * rng.uniform(0.3, 0.52),
        slope=rng.normal(0, 0.03),
        bend=float(np.clip(bend, -0.008, 0.008)),
        drive=drive,
        left=_make_side(rng, first),
        right=_make_side(rng, second),
        crossing=rng.uniform(6, 20) if rng.random() < 0.28 else None,
        junction=junction,
    )
