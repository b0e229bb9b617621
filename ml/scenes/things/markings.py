"""Lane lines, edge lines and crossings, as antialiased paint on the road."""

from __future__ import annotations

import numpy as np

from ml.scenes.painting.camera import Camera, Field
from ml.scenes.street import Street

_WHITE = np.array((226, 226, 220), np.float32)
_YELLOW = np.array((214, 178, 70), np.float32)


def markings(
    street: Street, u: Field, z: Field, camera: Camera, rng: np.random.Generator
) -> tuple[Field, Field]:
    """Cover 0..1 of paint (H, W) at the road coordinates u, z, and its color (H, W, 3) or (3,)."""
    across = z / np.float32(camera.focal)
    ahead = z * across / np.float32(camera.eye)
    cover = _middle_line(street, u, z, across, ahead, rng)
    tone: Field = np.broadcast_to(_WHITE, (*u.shape, 3)).copy()
    style = rng.choice(("none", "edge", "double yellow", "bay"), p=(0.3, 0.25, 0.3, 0.15))
    for sign in (-1, 1):
        away = street.half - u * sign
        if style == "edge":
            cover = np.maximum(cover, _line(away - 0.35, 0.06, across))
        elif style == "double yellow":
            yellow = np.maximum(_line(away - 0.28, 0.05, across), _line(away - 0.48, 0.05, across))
            tone[yellow > 0] = _YELLOW
            cover = np.maximum(cover, yellow)
        elif style == "bay" and street.half > 4.2:
            bay = _line(np.mod(z, 6.0) - 3.0, 0.05, ahead) * (away > 0) * (away < 2.0)
            line = _line(away - 2.0, 0.05, across) * _dashes(z, 2.0, 0.5, ahead)
            cover = np.maximum(cover, np.maximum(bay, line))
    if street.junction:
        sign, start, end = street.junction
        mouth = np.clip((z - start) / 0.5, 0, 1) * np.clip((end - z) / 0.5, 0, 1)
        side = u * sign
        cover = np.where((side > street.half - 0.8) & (mouth > 0), 0, cover)
        give_way = _line(side - street.half - 0.1, 0.1, across) * _dashes(z, 1.2, 0.6, ahead)
        cover = np.maximum(cover, give_way * mouth)
    if street.crossing is not None:
        cover, tone = _zebra(street, u, z, across, ahead, cover, tone)
    return cover * (z < 220), tone


def _line(distance: Field, half_width: float, footprint: Field) -> Field:
    """Cover of a line around distance 0, with pixels `footprint` metres large."""
    edge = (half_width - np.abs(distance)) / footprint + 0.5
    thin = np.minimum(1.0, 2 * half_width / footprint)
    cover: Field = np.clip(edge, 0, 1) * thin
    return cover


def _dashes(z: Field, period: float, length: float, footprint: Field) -> Field:
    inside = _line(np.mod(z, period) - period / 2, length / 2, np.minimum(footprint, period / 2))
    blurred = np.clip(footprint / period, 0, 1)
    cover: Field = inside * (1 - blurred) + length / period * blurred
    return cover


def _middle_line(
    street: Street, u: Field, z: Field, across: Field, ahead: Field, rng: np.random.Generator
) -> Field:
    style = rng.choice(("none", "dashed", "warning", "double"), p=(0.12, 0.46, 0.28, 0.14))
    if style == "none":
        return np.zeros_like(u)
    if style == "double":
        return np.maximum(_line(u - 0.12, 0.055, across), _line(u + 0.12, 0.055, across))
    period, length = (6.0, 2.0) if style == "dashed" else (6.0, 4.0)
    return _line(u, 0.06, across) * _dashes(z + rng.uniform(0, 6), period, length, ahead)


def _zebra(
    street: Street, u: Field, z: Field, across: Field, ahead: Field, cover: Field, tone: Field
) -> tuple[Field, Field]:
    assert street.crossing is not None
    start, depth = street.crossing, 3.2
    inside = np.abs(u) < street.half - 0.2
    around = (z > start - 1.8) & (z < start + depth + 0.6)
    cover = np.where(around, 0, cover)
    band = _line(z - start - depth / 2, depth / 2, ahead)
    stripes = _line(np.mod(u, 1.1) - 0.55, 0.275, across) * band
    stop = _line(z - start + 1.2, 0.15, ahead) * (u * street.drive > 0.1)
    cover = np.where(inside, np.maximum(cover, np.maximum(stripes, stop)), cover)
    tone = np.where(around[..., None], _WHITE, tone)
    return cover, tone
