"""What stands where: fills both sides of the street with things."""

from __future__ import annotations

import numpy as np

from ml.scenes.painting.camera import Floats
from ml.scenes.painting.light import Light
from ml.scenes.stage import Plan
from ml.scenes.street import KERB, Street
from ml.scenes.style import make_style
from ml.scenes.things.backdrop import Backdrop
from ml.scenes.things.barrier import Barrier
from ml.scenes.things.building import Building
from ml.scenes.things.tree import Bush, Tree, leaf_color

FAR = 130.0
"""Where the rows of houses end, metres."""


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def make_plan(street: Street, light: Light, rng: np.random.Generator) -> Plan:
    """What stands beyond the pavements of a street."""
    plan = Plan()
    leaves = leaf_color(rng)
    bare = bool(rng.random() < 0.18)
    plan.behind.append(Backdrop(rng.uniform(150, 190), leaves, _seed(rng)))
    dusk = light.weather == "dusk"
    for sign in (-1, 1):
        kind = street.side(sign).kind
        if kind == "park":
            _park(plan, street, sign, leaves, bare, rng)
        else:
            _houses(plan, street, sign, dusk, rng)
        if kind == "suburb":
            _gardens(plan, street, sign, leaves, bare, rng)
        if kind != "town" or rng.random() < 0.3:
            _avenue(plan, street, sign, leaves, bare, rng)
    return plan


def in_mouth(street: Street, sign: int, z: float, length: float = 0.0) -> bool:
    """Whether a stretch from z on lies in the mouth of the side road."""
    junction = street.junction
    return bool(
        junction and junction[0] == sign and z + length > junction[1] - 1 and z < junction[2] + 1
    )


def _houses(plan: Plan, street: Street, sign: int, dusk: bool, rng: np.random.Generator) -> None:
    town = street.side(sign).kind == "town"
    use = ("shop", "house", "office")
    common = rng.uniform(7.5, 13.0) if town else rng.uniform(4.8, 6.2)
    z = rng.uniform(-6, 0.5)
    while z < FAR:
        length = rng.uniform(6, 15) if town else rng.uniform(7, 11)
        if street.junction and in_mouth(street, sign, z, length):
            if z < street.junction[1] - 5:
                length = street.junction[1] - 1 - z
            else:
                z = street.junction[2] + 1
                continue
        ground = use[rng.choice(3, p=(0.5, 0.34, 0.16))] if town else "house"
        height = max(common * rng.uniform(0.8, 1.25), 4.6)
        if z + length > 2:
            plan.behind.append(
                Building(
                    street=street, sign=sign, z=max(z, 0.8), length=length - max(0.8 - z, 0),
                    front=street.front(sign) + (rng.uniform(0, 0.5) if town else rng.uniform(0, 2)),
                    height=height, breadth=rng.uniform(7, 11),
                    pitch=0.0 if ground == "office" else rng.uniform(2.2, 4.0),
                    style=make_style(rng, ground, dusk), seed=_seed(rng),
                )
            )  # fmt: skip
        gap = rng.uniform(1, 4) if town and rng.random() < 0.12 else 0.0
        z += length + (gap if town else rng.uniform(1.5, 6))


def _tree(
    foot: Floats, height: float, leaves: Floats, bare: bool, rng: np.random.Generator
) -> Tree:
    return Tree(
        foot=foot, height=height, crown=height * rng.uniform(0.26, 0.38),
        stem=height * rng.uniform(0.24, 0.36), color=leaves * rng.uniform(0.85, 1.12, 3),
        bare=bare, seed=_seed(rng),
    )  # fmt: skip


def _gardens(
    plan: Plan, street: Street, sign: int, leaves: Floats, bare: bool, rng: np.random.Generator
) -> None:
    """Walls, fences and hedges at the pavement, trees and bushes behind them."""
    edge = street.walkway(sign)[1]
    depth = street.front(sign) - edge
    z = rng.uniform(0, 2)
    while z < 70:
        length = rng.uniform(5, 10)
        kind = rng.choice(
            ("brick", "boards", "pickets", "hedge", "open"), p=(0.3, 0.16, 0.16, 0.28, 0.1)
        )
        if street.junction and in_mouth(street, sign, z, length):
            z = street.junction[2] + 1
            continue
        if kind == "hedge":
            for step in np.arange(max(z, 2.5), z + length, 1.1):
                foot = street.at(sign * (edge + 0.4), float(step))
                plan.behind.append(
                    Bush(foot, 1.3, rng.uniform(1.0, 1.5), leaves * 0.85, _seed(rng))
                )
        elif kind != "open" and z + length > 2:
            height = {"brick": 0.95, "boards": 1.7, "pickets": 1.0}[str(kind)]
            plan.behind.append(
                Barrier(street, sign * (edge + 0.1), max(z, 0.8), length - max(0.8 - z, 0),
                        height * rng.uniform(0.85, 1.2), kind, _seed(rng))
            )  # fmt: skip
        if rng.random() < 0.55 and z > 3:
            u = sign * (edge + rng.uniform(1.0, max(depth - 1.0, 1.2)))
            foot = street.at(u, z + rng.uniform(0, length))
            if rng.random() < 0.6:
                plan.behind.append(_tree(foot, rng.uniform(4, 9), leaves, bare, rng))
            else:
                size = rng.uniform(1.2, 2.6)
                plan.behind.append(Bush(foot, size * 1.3, size, leaves, _seed(rng)))
        z += length + rng.uniform(0, 2.5)


def _park(
    plan: Plan, street: Street, sign: int, leaves: Floats, bare: bool, rng: np.random.Generator
) -> None:
    """Rows of trees and bushes, and some houses far behind them."""
    edge = street.walkway(sign)[1]
    for row, step in ((edge + 1.5, 6.0), (edge + 6.0, 7.0), (edge + 12.0, 9.0)):
        z = rng.uniform(3, 9)
        while z < 90:
            if not in_mouth(street, sign, z):
                foot = street.at(sign * (row + rng.normal(0, 0.6)), z)
                if rng.random() < 0.7:
                    plan.behind.append(_tree(foot, rng.uniform(6, 12), leaves, bare, rng))
                else:
                    size = rng.uniform(1.2, 2.6)
                    plan.behind.append(Bush(foot, size * 1.6, size, leaves, _seed(rng)))
            z += step * rng.uniform(0.7, 1.6) * (1 + z / 60)


def _avenue(
    plan: Plan, street: Street, sign: int, leaves: Floats, bare: bool, rng: np.random.Generator
) -> None:
    """Trees along the kerb."""
    z, pitch = rng.uniform(7, 20), rng.uniform(9, 18)
    u = sign * (street.half + KERB + max(street.side(sign).verge / 2, 0.6))
    while z < 95:
        if not in_mouth(street, sign, z) and rng.random() < 0.75:
            foot = street.at(u, z)
            plan.before.append(_tree(foot, rng.uniform(4.5, 8.5), leaves, bare, rng))
        z += pitch * rng.uniform(0.8, 1.3)
