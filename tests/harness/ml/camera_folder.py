"""Street-like images as a camera with 12 linear bits behind a Bayer filter stores them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from roadmask.images.decoding import decode, encode_png
from roadmask.masks.codec import encode_mask
from roadmask.schemas.pixels import Pixels
from tests.harness.ml.street_folder import Pair, draw_street

PIXELS = Pixels(bits=12, cfa="RGGB", curve="linear")


def raw_png(street: Pair) -> bytes:
    """The image as a 16-bit grey PNG of linear samples, of which each has one colour."""
    shares = street[0] / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    samples = np.rint(linear * 4095).astype(np.uint16)
    mosaic = samples[..., 1].copy()
    mosaic[::2, ::2] = samples[::2, ::2, 0]
    mosaic[1::2, 1::2] = samples[1::2, 1::2, 2]
    return cv2.imencode(".png", mosaic)[1].tobytes()


def write_camera(folder: Path, count: int) -> tuple[Path, Path]:
    """Two folders: what the camera stores, and what `PIXELS` make of it, as 8-bit RGB."""
    raw, plain = folder / "raw" / "streets", folder / "plain" / "streets"
    for seed in range(count):
        street = draw_street(seed)
        stored = raw_png(street)
        converted = encode_png(decode(stored, 10**6, pixels=PIXELS))
        for place, data in ((raw, stored), (plain, converted)):
            for part, content in (("images", data), ("masks", encode_mask(street[1]))):
                (place / part).mkdir(parents=True, exist_ok=True)
                (place / part / f"{seed:03d}.png").write_bytes(content)
    return raw, plain
