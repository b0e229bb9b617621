"""Image files of every kind, good and bad."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def gradient(seed: int = 0, width: int = 48, height: int = 32) -> Image.Image:
    """An image, different for each seed: dark at the top, bright at the bottom."""
    rng = np.random.default_rng(seed)
    rows = np.linspace(0, 255, height)[:, None, None]
    pixels = rows + rng.integers(-20, 20, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png(seed: int = 0, width: int = 48, height: int = 32) -> bytes:
    return encoded(gradient(seed, width, height))


def turned() -> bytes:
    """A JPEG of 48x32 that is shown as 32x48."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(gradient(), "JPEG", exif=exif)


def sixteen_bits() -> bytes:
    grey = np.linspace(0, 65535, 48 * 32).reshape(32, 48).astype(np.uint16)
    return encoded(Image.fromarray(grey))


def bomb(side: int = 30_000) -> bytes:
    """A PNG of a few kilobytes whose header declares `side` x `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(side // 8 + 1) * 64)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


GOOD = {
    "one_pixel": png(width=1, height=1),
    "sixteen_bits": sixteen_bits(),
    "cmyk": encoded(gradient().convert("CMYK"), "JPEG"),
    "grey": encoded(gradient().convert("L"), "JPEG"),
    "palette": encoded(gradient().convert("P")),
    "alpha": encoded(gradient().convert("RGBA")),
    "webp": encoded(gradient(), "WEBP"),
    "turned": turned(),
}
BAD = {
    "truncated": (encoded(gradient(1, 400, 300), "JPEG")[:-2000], "image_unreadable"),
    "empty": (b"", "image_empty"),
    "text": (b"no image at all", "unsupported_format"),
    "bomb": (bomb(), "image_too_large"),
    "animated": (
        encoded(gradient(), "WEBP", save_all=True, append_images=[gradient(1)], lossless=True),
        "image_animated",
    ),
}
