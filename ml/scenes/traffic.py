"""Who and what moves or waits between the houses: cars, people, poles, bins."""

from __future__ import annotations

import numpy as np

from ml.scenes.carpark import pick_shape
from ml.scenes.painting.light import Light
from ml.scenes.plan import in_mouth
from ml.scenes.stage import Plan
from ml.scenes.street import KERB, Street
from ml.scenes.things.clutter import Bin
from ml.scenes.things.cyclist import Cyclist
from ml.scenes.things.person import Pedestrian, dress
from ml.scenes.things.pole import Kind, Pole
from ml.scenes.things.vehicle import Vehicle, paint_color


def add_traffic(plan: Plan, street: Street, light: Light, rng: np.random.Generator) -> None:
    """Put everything that stands before the houses into the plan."""
    _driving(plan, street, light, rng)
    for sign in (-1, 1):
        if rng.random() < 0.6 and street.half > 3.8:
            _parked(plan, street, sign, rng)
        _poles(plan, street, sign, rng)
        _walkers(plan, street, sign, rng)
        if rng.random() < 0.3:
            _bins(plan, street, sign, rng)
    if street.crossing is not None:
        _crossers(plan, street, rng)
    if rng.random() < 0.3:
        _cyclists(plan, street, rng)


def _vehicle(
    street: Street,
    u: float,
    z: float,
    oncoming: bool,
    light: Light | None,
    rng: np.random.Generator,
) -> Vehicle:
    beams = light is not None and (light.weather == "dusk" or rng.random() < 0.15)
    yaw = float(np.arctan(street.heading(z))) + rng.normal(0, 0.015)
    return Vehicle(
        foot=street.at(u, z), yaw=yaw + (np.pi if oncoming else 0.0),
        shape=pick_shape(rng, parked=light is None), color=paint_color(rng),
        braking=bool(rng.random() < 0.35) and light is not None, beams=beams,
    )  # fmt: skip


def _driving(plan: Plan, street: Street, light: Light, rng: np.random.Generator) -> None:
    for oncoming in (False, True):
        lane = street.drive * street.half / 2 * (-1 if oncoming else 1)
        z = rng.uniform(9, 45) if oncoming else rng.uniform(11, 50)
        while z < 110:
            if rng.random() < 0.7 and not _on_crossing(street, z):
                u = lane + rng.normal(0, 0.15)
                plan.before.append(_vehicle(street, u, z, oncoming, light, rng))
            z += rng.uniform(12, 40)


def _on_crossing(street: Street, z: float) -> bool:
    return street.crossing is not None and abs(z - street.crossing - 1.6) < 6


def _parked(plan: Plan, street: Street, sign: int, rng: np.random.Generator) -> None:
    z = rng.uniform(5, 18)
    oncoming = sign != street.drive
    while z < 80:
        if not in_mouth(street, sign, z - 3, 6) and rng.random() < 0.7:
            # In narrow streets they stand on the kerb, to leave the lane free.
            u = sign * max(street.half - 1.0, street.half / 2 + 1.9)
            plan.before.append(_vehicle(street, u, z, oncoming, None, rng))
        z += rng.uniform(5.8, 8.5)


def _poles(plan: Plan, street: Street, sign: int, rng: np.random.Generator) -> None:
    u = sign * (street.half + KERB + 0.35)
    z = rng.uniform(7, 26)
    pitch, height = rng.uniform(16, 28), rng.uniform(5.5, 8.5)
    radius = rng.uniform(0.05, 0.085)
    while z < 110:
        plan.before.append(Pole(street.at(u, z), "lamp", height, radius, -sign, _seed(rng)))
        z += pitch
    for _ in range(rng.integers(1, 4)):
        kind: Kind = ("disc", "triangle", "board")[rng.integers(3)]
        size = rng.uniform(2.3, 3.1)
        foot = street.at(u + sign * rng.uniform(0, 0.4), rng.uniform(5, 40))
        facing = bool(rng.random() < 0.7)
        plan.before.append(Pole(foot, kind, size, 0.038, -sign, _seed(rng), facing))
    if street.stop is not None and rng.random() < 0.6:
        facing = sign == street.drive or bool(rng.random() < 0.4)
        plan.before.append(
            Pole(street.at(u, street.stop), "signal", 3.2, 0.06, -sign, _seed(rng), facing)
        )
    if rng.random() < 0.12:
        for z in np.arange(rng.uniform(5, 12), rng.uniform(14, 26), 1.8):
            foot = street.at(sign * (street.half + KERB + 0.25), float(z))
            if not in_mouth(street, sign, float(z)):
                plan.before.append(Pole(foot, "bollard", 0.9, 0.06, -sign, _seed(rng)))


def _walkers(plan: Plan, street: Street, sign: int, rng: np.random.Generator) -> None:
    inner, outer = street.walkway(sign)
    busy = 3.6 if street.side(sign).kind == "town" else 1.4
    for _ in range(rng.poisson(busy)):
        z = 4 + rng.gamma(2.0, 9.0)
        u = sign * rng.uniform(inner + 0.3, outer - 0.3)
        _add_walker(plan, street, u, z, rng)
        if rng.random() < 0.35:
            _add_walker(plan, street, u + 0.55, z + rng.uniform(-0.2, 0.2), rng)


def _add_walker(
    plan: Plan,
    street: Street,
    u: float,
    z: float,
    rng: np.random.Generator,
    facing: int | None = None,
) -> None:
    turned = int(rng.choice((-1, 0, 1), p=(0.2, 0.6, 0.2))) if facing is None else facing
    plan.before.append(
        Pedestrian(
            foot=street.at(u, z), height=rng.normal(1.71, 0.09), facing=turned,
            phase=rng.uniform(0, 2 * np.pi), clothes=dress(rng), away=bool(rng.random() < 0.5),
        )
    )  # fmt: skip


def _crossers(plan: Plan, street: Street, rng: np.random.Generator) -> None:
    assert street.crossing is not None
    for _ in range(rng.integers(0, 4)):
        u, z = rng.uniform(-street.half, street.half), street.crossing + rng.uniform(0.4, 2.8)
        _add_walker(plan, street, u, z, rng, facing=1 if rng.random() < 0.5 else -1)


def _cyclists(plan: Plan, street: Street, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(1, 3)):
        away = bool(rng.random() < 0.6)
        sign = street.drive if away else -street.drive
        facing = int(rng.choice((-1, 0, 1), p=(0.15, 0.7, 0.15)))
        plan.before.append(
            Cyclist(
                foot=street.at(sign * (street.half / 2 + 0.7), rng.uniform(6, 30)), facing=facing,
                phase=rng.uniform(0, 2 * np.pi), clothes=dress(rng), frame=paint_color(rng),
                away=away,
            )
        )  # fmt: skip


def _bins(plan: Plan, street: Street, sign: int, rng: np.random.Generator) -> None:
    colors = ((44, 62, 50), (50, 52, 56), (36, 58, 92), (92, 62, 46))
    z = rng.uniform(4, 20)
    for i in range(rng.integers(1, 4)):
        foot = street.at(sign * (street.walkway(sign)[1] - 0.4), z + i * rng.uniform(0.6, 1.2))
        color = np.array(colors[rng.integers(len(colors))], float)
        plan.before.append(Bin(foot, color, rng.uniform(0.9, 1.15)))


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
