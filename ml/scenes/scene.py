"""One scene: from a seed to a photograph of a street and its truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.scenes.painting.camera import Camera
from ml.scenes.painting.canvas import Canvas
from ml.scenes.painting.light import make_light
from ml.scenes.painting.photograph import develop
from ml.scenes.plan import make_plan
from ml.scenes.stage import Stage
from ml.scenes.street import make_street
from ml.scenes.things.clutter import draw_bonnet
from ml.scenes.things.ground import draw_ground
from ml.scenes.things.sky import draw_sky
from ml.scenes.traffic import add_traffic

OVERSAMPLING = 2
"""Drawn pixels per photographed pixel, each way."""


@dataclass(frozen=True)
class Scene:
    """A photograph and what is on it."""

    image: NDArray[np.uint8]
    """RGB, (H, W, 3)."""
    truth: NDArray[np.uint8]
    """Categories 0..7 of `roadmask.masks.taxonomy.CITYSCAPES`, (H, W)."""


def render(seed: int, width: int = 480, height: int = 360) -> Scene:
    """Photograph the street that `seed` (>= 0) stands for, `width` x `height` pixels.

    The same seed and size give the same scene again. The truth comes from the very geometry that
    is drawn; a pixel belongs to the category at its middle.
    """
    # Street and optics have streams of their own, so that a size changes no street.
    layout, drawing, optics = (np.random.default_rng((seed, part)) for part in range(3))
    light, street = make_light(layout), make_street(layout)
    plan = make_plan(street, light, layout)
    add_traffic(plan, street, light, layout)
    bonnet = layout.random() < 0.4
    stage = Stage(_camera(layout, width, height), _canvas(width, height), light, street)

    things = plan.painted()
    draw_sky(stage, drawing)
    draw_ground(stage, [shade for thing in things for shade in thing.shades(light)], drawing)
    for thing in things:
        thing.draw(stage)
    if bonnet:
        draw_bonnet(stage, drawing)
    truth = stage.canvas.truth[::OVERSAMPLING, ::OVERSAMPLING].copy()
    return Scene(develop(stage, optics, width, height), truth)


def _canvas(width: int, height: int) -> Canvas:
    return Canvas(width * OVERSAMPLING, height * OVERSAMPLING)


def _camera(rng: np.random.Generator, width: int, height: int) -> Camera:
    w, h = width * OVERSAMPLING, height * OVERSAMPLING
    # A wide picture sees more to the sides, not less above: the field grows with the width.
    focal = rng.uniform(0.84, 1.06) * min(w, h * 4 / 3)
    horizon = h * rng.uniform(0.42, 0.53)
    return Camera(w, h, focal, horizon, rng.uniform(1.25, 1.75))
