"""The ground: road, kerbs, pavements and grass, seen pixel by pixel through the camera."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.scenes.painting.camera import Field
from ml.scenes.painting.canvas import FLAT, NATURE
from ml.scenes.painting.texture import grain, sample, tile
from ml.scenes.stage import Shade, Stage
from ml.scenes.street import KERB, Street
from ml.scenes.things.markings import markings

_ROAD, _PAVING, _KERB, _GRASS = range(4)
_FAR = 400.0
"""Where the ground ends, metres."""


def draw_ground(stage: Stage, shades: Sequence[Shade], rng: np.random.Generator) -> None:
    """Draw everything below the horizon that has no height, with the shadows that fall on it."""
    camera, canvas, street = stage.camera, stage.canvas, stage.street
    top = int(np.ceil(camera.horizon + camera.focal * camera.eye / _FAR))
    rows = np.arange(top, camera.height, dtype=np.float32)[:, None] + np.float32(0.5)
    line = np.float32(camera.focal * camera.eye) / (rows - np.float32(camera.horizon))
    columns = np.arange(camera.width, dtype=np.float32)[None, :] + np.float32(0.5)
    u = (columns - camera.center) * (line / camera.focal) - street.middle(line)
    u, z = np.broadcast_arrays(u.astype(np.float32), line)

    stuff = _materials(street, u, z)
    color = _texture(street, stuff, u, z, rng)
    paint, tone = markings(street, u, z, camera, rng)
    worn = np.clip(0.86 + 0.22 * sample(tile(), u * 90, z * 90), 0.25, 0.97)
    color += (paint * worn)[..., None] * (tone - color)
    color *= _lighting(stage, shades, u, z, top)
    canvas.image[top:] = np.clip(color, 0, 255)
    canvas.truth[top:] = np.where(stuff == _GRASS, NATURE, FLAT)
    canvas.depth[top:] = z


def _materials(street: Street, u: Field, z: Field) -> NDArray[np.uint8]:
    stuff = np.full(u.shape, _ROAD, np.uint8)
    for sign in (-1, 1):
        side, out = street.side(sign), u * sign - street.half
        beyond = out > 0
        if street.junction and street.junction[0] == sign:
            beyond &= (z < street.junction[1]) | (z > street.junction[2])
        stuff[beyond] = _PAVING
        stuff[beyond & (out <= KERB)] = _KERB
        end = KERB + side.verge
        green = (out > KERB) & (out < end)
        if not side.paved:
            green |= out > end + side.pavement
        stuff[green & beyond] = _GRASS
    return stuff


def _texture(
    street: Street, stuff: NDArray[np.uint8], u: Field, z: Field, rng: np.random.Generator
) -> Field:
    """The ground's own color, (H, W, 3), before paint and light."""
    dry = rng.uniform(0, 1)
    stone = rng.uniform(118, 158) * np.array((1.03, 1.0, rng.uniform(0.9, 0.98)))
    colors = np.array(
        (
            rng.uniform(88, 128) * np.array((1.0, 1.0, rng.uniform(0.98, 1.05))),
            stone,
            stone * 1.2,
            (86 + 34 * dry, 116 + 6 * dry, 52 + 10 * dry),
        ),
        np.float32,
    )
    fine = sample(grain(), u * 170, z * 170)
    broad = sample(tile(), u * 24, z * 20)
    value = _asphalt(street.half, u, z, fine, broad, rng)
    paved = (stuff == _PAVING) | (stuff == _KERB)
    value = np.where(paved, _slabs(u, z, fine, broad, rng), value)
    edge = np.abs(np.abs(u) - street.half - 0.03) < 0.035
    value = np.where(edge & (stuff == _KERB), value * 0.6, value)
    if (stuff == _GRASS).any():
        blades = 1 + 0.19 * fine / (1 + z * 0.02) + 0.13 * broad
        value = np.where(stuff == _GRASS, blades, value)
    color: Field = colors[stuff] * value.astype(np.float32)[..., None]
    return color


def _asphalt(
    half: float, u: Field, z: Field, fine: Field, broad: Field, rng: np.random.Generator
) -> Field:
    """Stones, wheel tracks, cracks, mended patches and a darker gutter, around 1."""
    start = rng.uniform(0, 512, 2).astype(np.float32)
    patches = sample(tile(), u * 11 + start[0], z * 4 + start[1])
    value = 1 + 0.11 * fine / (1 + z * 0.09) + 0.055 * patches
    lane = np.abs(np.abs(u) - half / 2)
    value += 0.05 * np.exp(-(((lane - 0.75) / 0.3) ** 2)) - 0.06 * np.exp(-((lane / 0.3) ** 2))
    value *= 1 - 0.28 * np.clip(1 - np.abs(broad) / 0.035, 0, 1) * (patches > 0.3)
    value = value * (1 - 0.16 * np.clip(1 - (half - np.abs(u)) / 0.35, 0, 1))
    for _ in range(rng.integers(0, 3)):
        u0, z0 = rng.uniform(-half, half - 1), rng.uniform(3, 30)
        width, length = rng.uniform(0.6, 2), rng.uniform(1, 9)
        inward = np.minimum(np.minimum(u - u0, u0 + width - u), np.minimum(z - z0, z0 + length - z))
        mended = np.where(inward > 0.06, rng.uniform(0.88, 0.96), 0.8)
        value = np.where(inward > 0, value * mended, value)
    return np.asarray(value)


def _slabs(u: Field, z: Field, fine: Field, broad: Field, rng: np.random.Generator) -> Field:
    """Paving stones with joints, around 1."""
    slab = float(rng.choice((0.45, 0.6, 0.9)))
    column = np.floor(u / slab)
    along = z / slab + np.mod(column, 2) * 0.5
    row = np.floor(along)
    near = 1 / (1 + (z / 14) ** 2)
    value = 1 + 0.05 * sample(grain(), column * 7, row * 13) * near
    value += 0.05 * broad + 0.05 * fine * near
    joint = (u / slab - column < 0.035) | (along - row < 0.045)
    stones: Field = value - 0.22 * joint * near
    return stones


def _lighting(stage: Stage, shades: Sequence[Shade], u: Field, z: Field, top: int) -> Field:
    """What sun and sky leave on the ground, factors (H, W, 3)."""
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
    if leafy.any():
        spots = np.clip(0.62 + 0.5 * sample(tile(), u * 60, z * 60), 0, 1)
        sun *= 1 - _soft(leafy[top:], 1.5 * blur) * spots
    near = 1 - 0.62 * _soft(contact[top:], 2.5 * blur)
    direct = (light.direct * max(float(light.sun[1]), 0.0) * 1.15).astype(np.float32)
    total: Field = (light.ambient.astype(np.float32) + sun[..., None] * direct) * near[..., None]
    return total


def _soft(sheet: NDArray[np.uint8], sigma: float) -> Field:
    blurred: Field = cv2.GaussianBlur(sheet, (0, 0), sigma).astype(np.float32) / np.float32(255)
    return blurred
