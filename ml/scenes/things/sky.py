"""The sky: a gradient, clouds that flatten towards the horizon, and the glow of the sun."""

from __future__ import annotations

import cv2
import numpy as np

from ml.scenes.painting.camera import Field
from ml.scenes.painting.canvas import SKY
from ml.scenes.painting.texture import sample, tile
from ml.scenes.stage import Stage

_ZENITH = {
    "clear": (92, 146, 208),
    "broken": (112, 155, 205),
    "overcast": (196, 202, 210),
    "dusk": (98, 118, 168),
}
_HORIZON = {
    "clear": (200, 220, 238),
    "broken": (208, 220, 232),
    "overcast": (228, 230, 232),
    "dusk": (248, 204, 160),
}


def draw_sky(stage: Stage, rng: np.random.Generator) -> None:
    """Fill the canvas down to the horizon with sky; the ground is laid against it."""
    canvas, weather = stage.canvas, stage.light.weather
    height, width = canvas.truth.shape
    # The sky has no edges: a third of the detail is enough for it.
    x = np.arange(0, width, 3, dtype=np.float32)[None, :]
    y = np.arange(0, stage.camera.horizon + height / 40, 3, dtype=np.float32)[:, None]
    rise = np.clip((stage.camera.horizon - y) / height / 0.55, 0, 1)[..., None] ** 0.7
    zenith = np.array(_ZENITH[weather], np.float32) * np.float32(rng.uniform(0.9, 1.1))
    sky = (1 - rise) * np.array(_HORIZON[weather], np.float32) + rise * zenith
    sky = sky + _glow(stage, x, y)[..., None] * np.array((255, 226, 180), np.float32)
    cover, thickness = _clouds(stage, x, y, rng)
    lit = np.array((252, 250, 247) if weather != "dusk" else (255, 214, 186), np.float32)
    dark = np.array((172, 178, 190) if weather != "dusk" else (128, 120, 146), np.float32)
    cloud = lit + (dark - lit) * thickness[..., None]
    sky = np.clip(sky + cover[..., None] * (cloud - sky), 0, 255)
    rows = min(3 * len(y), height)
    canvas.image[:rows] = cv2.resize(sky, (width, 3 * len(y)))[:rows]
    canvas.truth[:rows] = SKY


def _glow(stage: Stage, x: Field, y: Field) -> Field:
    """Brightness around the sun, when it stands before the camera."""
    sun, width = stage.light.sun, stage.camera.width
    if sun[2] < 0.15 or not stage.light.sunny:
        return np.zeros((len(y), x.shape[1]), np.float32)
    dx = (x - stage.camera.center - stage.camera.focal * sun[0] / sun[2]) / width
    dy = (y - stage.camera.horizon + stage.camera.focal * sun[1] / sun[2]) / width
    distance = (dx * dx + dy * dy).astype(np.float32)
    glow: Field = np.exp(-distance * 9) * 0.35 + np.exp(-distance * 160) * 0.6
    return glow


def _clouds(stage: Stage, x: Field, y: Field, rng: np.random.Generator) -> tuple[Field, Field]:
    """How much cloud covers each pixel, and how dark the cloud is there; both 0..1."""
    above = np.maximum(stage.camera.horizon - y, 0) / stage.camera.height + 0.10
    spread = rng.uniform(14, 34)
    start = rng.uniform(0, 512, 2)
    u = (start[0] + (x - stage.camera.center) / stage.camera.width / above * spread * 2).astype(
        np.float32
    )
    v = (start[1] + spread * 3 / above).astype(np.float32)
    field, shaded = sample(tile(), u, v), sample(tile(), u, v + 7)
    threshold, edge = {
        "clear": (rng.uniform(0.9, 2.2), 1.3),
        "broken": (rng.uniform(-0.3, 0.5), 0.9),
        "overcast": (-2.2, 1.6),
        "dusk": (rng.uniform(0.0, 1.0), 1.2),
    }[stage.light.weather]
    cover = np.clip((field - threshold) / edge, 0, 1)
    dark: Field = np.clip(0.34 + 0.22 * shaded - 0.1 * (field - shaded), 0, 1)
    smooth: Field = cover * cover * (3 - 2 * cover) * np.float32(0.94)
    return smooth, dark
