"""The ground: road, kerbs, pavements and grass, seen pixel by pixel through the camera."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.data.scenes.canvas import FLAT, NATURE
from ml.data.scenes.markings import markings
from ml.data.scenes.stage import Shade, Stage
from ml.data.scenes.street import KERB
from ml.data.scenes.texture import Field, grain, sample, tile

_UP = np.array((0.0, 1.0, 0.0))


def draw_ground(stage: Stage, shades: Sequence[Shade], rng: np.random.Generator) -> None:
    """Draw everything below the horizon that has no height, with the shadows that fall on it."""
    camera, canvas, street = stage.camera, stage.canvas, stage.street
    top = int(np.ceil(camera.horizon + camera.focal * camera.eye / 400))
    rows = np.arange(top, camera.height, dtype=np.float32)[:, None] + 0.5
    z = camera.focal * camera.eye / (rows - camera.horizon)
    columns = np.arange(camera.width, dtype=np.float32)[None, :] + 0.5 - camera.center
    u = (columns * z / camera.focal - street.middle(z)).astype(np.float32)
    z = np.broadcast_to(z, u.shape)

    color, truth = _bands(stage, u, z, rng)
    paint, tone = markings(street, u, z, camera, rng)
    worn = np.clip(0.86 + 0.22 * sample(tile(), u * 90, z * 90), 0.25, 0.97)
    color += (paint * worn)[..., None] * (tone - color)
    color *= _lighting(stage, shades, u, z, top)
    canvas.image[top:] = np.clip(color, 0, 255)
    canvas.truth[top:] = truth
    canvas.depth[top:] = z


def _bands(
    stage: Stage, u: Field, z: Field, rng: np.random.Generator
) -> tuple[Field, NDArray[np.uint8]]:
    street = stage.street
    road, paving, lawn = _asphalt(street.half, u, z, rng), _paving(u, z, rng), _grass(u, z, rng)
    color, truth = road, np.full(u.shape, FLAT, np.uint8)
    for sign in (-1, 1):
        side, out = street.side(sign), u * sign - street.half
        beyond = out > 0
        if street.junction and street.junction[0] == sign:
            mouth = (z > street.junction[1]) & (z < street.junction[2])
            beyond &= ~mouth
        color = np.where((beyond & (out > KERB))[..., None], paving, color)
        kerb = beyond & (out <= KERB)
        face = np.clip(1.28 - 0.85 * (out < 0.05), 0.5, 1.3)
        color = np.where(kerb[..., None], paving * face[..., None], color)
        gutter = np.clip(1 + out / 0.35, 0, 1) * (out <= 0)
        color *= 1 - 0.16 * gutter[..., None]
        end = KERB + side.verge
        green = (out > KERB) & (out < end)
        if not side.paved:
            green |= out > end + side.pavement
        green &= beyond
        color = np.where(green[..., None], lawn, color)
        truth[green] = NATURE
    return color.astype(np.float32), truth


def _asphalt(half: float, u: Field, z: Field, rng: np.random.Generator) -> Field:
    base = rng.uniform(88, 128) * np.array((1.0, 1.0, rng.uniform(0.98, 1.05)), np.float32)
    start = rng.uniform(0, 512, 2).astype(np.float32)
    fine = sample(grain(), u * 190, z * 190) / (1 + z * 0.09)
    patches = sample(tile(), u * 11 + start[0], z * 4 + start[1])
    value = 1 + 0.10 * fine + 0.055 * patches
    lane = np.abs(np.abs(u) - half / 2)
    value += 0.05 * np.exp(-(((lane - 0.75) / 0.3) ** 2)) - 0.06 * np.exp(-((lane / 0.3) ** 2))
    crack = np.abs(sample(tile(), u * 24 + start[1], z * 14 + start[0]))
    value *= 1 - 0.30 * np.clip(1 - crack / 0.035, 0, 1) * (patches > 0.3)
    for _ in range(rng.integers(0, 4)):
        u0, z0 = rng.uniform(-half, half - 1), rng.uniform(3, 30)
        inside = (u > u0) & (u < u0 + rng.uniform(0.6, 2)) & (z > z0)
        value *= np.where(inside & (z < z0 + rng.uniform(1, 9)), rng.uniform(0.82, 0.93), 1.0)
    return (value[..., None] * base).astype(np.float32)


def _paving(u: Field, z: Field, rng: np.random.Generator) -> Field:
    base = rng.uniform(118, 158) * np.array((1.03, 1.0, rng.uniform(0.9, 0.98)), np.float32)
    slab = float(rng.choice((0.45, 0.6, 0.9)))
    column, row = np.floor(u / slab), np.floor(z / slab + (np.floor(u / slab) % 2) * 0.5)
    tone = sample(grain(), column * 7.0, row * 13.0)
    near = 1 / (1 + (z / 14) ** 2)
    value = 1 + 0.05 * tone * near + 0.05 * sample(tile(), u * 22, z * 22)
    value += 0.05 * sample(grain(), u * 150, z * 150) * near
    joint = (np.mod(u / slab, 1) < 0.035) | (np.mod(z / slab + (column % 2) * 0.5, 1) < 0.045)
    value -= 0.22 * joint * near
    return (value[..., None] * base).astype(np.float32)


def _grass(u: Field, z: Field, rng: np.random.Generator) -> Field:
    dry = rng.uniform(0, 1)
    base = np.array((86 + 34 * dry, 116 + 6 * dry, 52 + 10 * dry), np.float32)
    blades = sample(grain(), u * 120, z * 40) / (1 + z * 0.03)
    value = 1 + 0.17 * blades + 0.14 * sample(tile(), u * 40, z * 25)
    return (value[..., None] * base).astype(np.float32)


def _lighting(stage: Stage, shades: Sequence[Shade], u: Field, z: Field, top: int) -> Field:
    light, camera = stage.light, stage.camera
    solid, leafy, contact = (np.zeros(stage.canvas.truth.shape, np.uint8) for _ in range(3))
    for shade in shades:
        outline = camera.outline(shade.outline)
        if outline is not None and (shade.contact or light.sunny):
            sheet = contact if shade.contact else leafy if shade.leafy else solid
            fixed = np.round(np.clip(outline, -12_000, 12_000) * 16).astype(np.int32)
            cv2.fillPoly(sheet, [fixed], 255, cv2.LINE_AA, 4)
    blur = camera.width / 480
    sun = 1 - _soft(solid[top:], blur)
    spots = np.clip(0.62 + 0.5 * sample(tile(), u * 60, z * 60), 0, 1)
    sun *= 1 - _soft(leafy[top:], 1.5 * blur) * spots
    near = 1 - 0.62 * _soft(contact[top:], 2.5 * blur)
    direct = light.direct * max(float(_UP @ light.sun), 0.0) * 1.15
    total: Field = (light.ambient + sun[..., None] * direct) * near[..., None]
    return total.astype(np.float32)


def _soft(sheet: NDArray[np.uint8], sigma: float) -> Field:
    return cv2.GaussianBlur(sheet, (0, 0), sigma).astype(np.float32) / 255
