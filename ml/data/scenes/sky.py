"""The sky: a gradient, clouds that flatten towards the horizon, and the glow of the sun."""

from __future__ import annotations

import cv2
import numpy as np

from ml.data.scenes.canvas import SKY
from ml.data.scenes.stage import Stage
from ml.data.scenes.texture import Field, sample, tile

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
    """Fill the whole canvas with sky; the ground is laid over it."""
    canvas, weather = stage.canvas, stage.light.weather
    height, width = canvas.truth.shape
    up = (stage.camera.horizon - np.arange(height, dtype=np.float32)) / height
    rise = np.clip(up / 0.55, 0, 1)[:, None, None] ** 0.7
    zenith = np.array(_ZENITH[weather], np.float32) * rng.uniform(0.9, 1.1)
    sky = (1 - rise) * np.array(_HORIZON[weather], np.float32) + rise * zenith
    sky = np.broadcast_to(sky, (height, width, 3)).astype(np.float32)
    sky += _glow(stage)[..., None] * np.array((255, 226, 180), np.float32)
    cover, thickness = _clouds(stage, rng)
    lit = np.array((252, 250, 247) if weather != "dusk" else (255, 214, 186), np.float32)
    dark = np.array((172, 178, 190) if weather != "dusk" else (128, 120, 146), np.float32)
    cloud = lit + (dark - lit) * thickness[..., None]
    sky += cover[..., None] * (cloud - sky)
    canvas.image[:] = np.clip(sky, 0, 255)
    canvas.truth[:] = SKY


def _glow(stage: Stage) -> Field:
    """Brightness around the sun, when it stands before the camera."""
    height, width = stage.canvas.truth.shape
    sun = stage.light.sun
    if sun[2] < 0.15 or not stage.light.sunny:
        return np.zeros((height, width), np.float32)
    x = stage.camera.center + stage.camera.focal * sun[0] / sun[2]
    y = stage.camera.horizon - stage.camera.focal * sun[1] / sun[2]
    dx = (np.arange(width, dtype=np.float32) - x)[None, :] / width
    dy = (np.arange(height, dtype=np.float32) - y)[:, None] / width
    distance = dx * dx + dy * dy
    return np.exp(-distance * 9) * 0.35 + np.exp(-distance * 160) * 0.6


def _clouds(stage: Stage, rng: np.random.Generator) -> tuple[Field, Field]:
    """How much cloud covers each pixel, and how dark the cloud is there; both 0..1."""
    height, width = stage.canvas.truth.shape
    h, w = height // 3, width // 3
    y = np.arange(h, dtype=np.float32)[:, None] * 3
    x = np.arange(w, dtype=np.float32)[None, :] * 3 - stage.camera.center
    above = np.maximum(stage.camera.horizon - y, 0) / height + 0.10
    spread = rng.uniform(14, 34)
    start = rng.uniform(0, 512, 2).astype(np.float32)
    u = start[0] + x / width / above * spread * 2
    v = start[1] + spread * 3 / above
    field = sample(tile(), u, np.broadcast_to(v, u.shape))
    shaded = sample(tile(), u, np.broadcast_to(v + 7, u.shape))
    threshold, edge = {
        "clear": (rng.uniform(0.9, 2.2), 1.3),
        "broken": (rng.uniform(-0.3, 0.5), 0.9),
        "overcast": (-2.2, 1.6),
        "dusk": (rng.uniform(0.0, 1.0), 1.2),
    }[stage.light.weather]
    cover = np.clip((field - threshold) / edge, 0, 1)
    dark = np.clip(0.34 + 0.22 * shaded - 0.1 * (field - shaded), 0, 1)
    cover = cv2.resize(cover * cover * (3 - 2 * cover), (width, height))
    return cover * 0.94, cv2.resize(dark, (width, height))
