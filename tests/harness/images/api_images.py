"""Small images in every format that the service accepts, and some that it refuses."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
from PIL import Image as Pillow

WIDTH, HEIGHT = 8, 6


def picture(seed: int = 0, file_format: str = "JPEG", mode: str = "RGB", **options: Any) -> bytes:
    """An image of random pixels, `WIDTH` by `HEIGHT`, encoded."""
    pixels = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).convert(mode).save(buffer, file_format, **options)
    return buffer.getvalue()


def deep_picture() -> bytes:
    """A 16-bit grey PNG."""
    pixels = np.random.default_rng(0).integers(0, 2**16, (HEIGHT, WIDTH)).astype(np.uint16)
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def turned_picture() -> bytes:
    """A JPEG whose EXIF orientation turns it by 90 degrees."""
    exif = Pillow.Exif()
    exif[0x0112] = 6
    return picture(exif=exif)


def animated_picture() -> bytes:
    """A WebP with two frames."""
    frames = [Pillow.new("RGB", (WIDTH, HEIGHT), color) for color in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    return buffer.getvalue()


GOOD: dict[str, Callable[[], bytes]] = {
    "jpeg": picture,
    "png": lambda: picture(file_format="PNG"),
    "png-16": deep_picture,
    "png-palette": lambda: picture(file_format="PNG", mode="P"),
    "png-alpha": lambda: picture(file_format="PNG", mode="RGBA"),
    "png-grey": lambda: picture(file_format="PNG", mode="L"),
    "jpeg-cmyk": lambda: picture(mode="CMYK"),
    "jpeg-turned": turned_picture,
    "webp": lambda: picture(file_format="WEBP"),
    "tiff": lambda: picture(file_format="TIFF"),
    "bmp": lambda: picture(file_format="BMP"),
}
"""A valid image of each kind. Each name begins with the format."""

BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "image_empty"),
    "text": (lambda: b"hello", "unsupported_format"),
    "gif": (lambda: picture(file_format="GIF"), "unsupported_format"),
    "svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
    "animated": (animated_picture, "image_animated"),
}
"""Files that are refused, with the code of the error."""


def digest(data: bytes) -> str:
    """SHA-256 of the bytes, hex."""
    return hashlib.sha256(data).hexdigest()


def put(client: httpx.Client, data: bytes) -> str:
    """Upload the bytes; return the image's id."""
    answer = client.put(f"/v1/images/sha256-{digest(data)}", content=data)
    answer.raise_for_status()
    return str(answer.json()["id"])


def put_many(client: httpx.Client, count: int) -> list[str]:
    """Upload `count` different images; return their ids in order."""
    return [put(client, picture(seed)) for seed in range(count)]
