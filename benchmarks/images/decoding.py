"""`python -m benchmarks.images.decoding`: the time of decoding, for each kind of file.

A street scene of 1920x1080 is stored in each form and decoded: the time of the processor, the
median of several runs, and the memory that it takes at its highest, the pixels of the result among
it (6.2 MB). Linux only.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from benchmarks.harness import pictures
from roadmask import memory_limit
from roadmask.images.decoding import decode_sniffed
from roadmask.images.sniffing import sniff
from roadmask.schemas.pixels import AS_STORED, Pixels

MAX_PIXELS = 100_000_000
RUNS = 7
Picture = NDArray[np.uint8]


def by_pillow(picture: Picture, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def by_tifffile(samples: NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, photometric="rgb", **options)
    return buffer.getvalue()


def files(picture: Picture) -> Iterator[tuple[str, bytes, Pixels]]:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Red and blue exchanged: a profile that must be converted.
    other = srgb.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    deep = picture.astype(np.uint16) * 257
    turned = Image.Exif()
    turned[0x0112] = 6
    jpegs: list[tuple[str, dict[str, Any]]] = [
        ("JPEG", {}),
        ("JPEG, turned", {"exif": turned}),
        ("JPEG, progressive", {"progressive": True}),
        ("JPEG, profile of sRGB", {"icc_profile": srgb}),
        ("JPEG, another profile", {"icc_profile": other}),
    ]
    for name, options in jpegs:
        yield name, by_pillow(picture, "JPEG", quality=90, **options), AS_STORED
    yield "PNG", by_pillow(picture, "PNG"), AS_STORED
    yield "PNG, 16 bits", cv2.imencode(".png", deep)[1].tobytes(), AS_STORED
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    mosaic = cv2.imencode(".png", grey.astype(np.uint16) * 16)[1].tobytes()
    yield "PNG, 12 bits, Bayer", mosaic, Pixels(bits=12, cfa="RGGB", curve="linear")
    thermal = (7000 + grey.astype(np.float64) * 8).astype(np.uint16)
    said = Pixels(range=(7000, 9040))
    yield "PNG, 16 bits, thermal range", cv2.imencode(".png", thermal)[1].tobytes(), said
    yield "WebP", by_pillow(picture, "WEBP", quality=80), AS_STORED
    yield "AVIF", by_pillow(picture, "AVIF", quality=80), AS_STORED
    yield "BMP", by_pillow(picture, "BMP"), AS_STORED
    tiffs: list[tuple[str, dict[str, Any]]] = [
        ("TIFF", {}),
        ("TIFF, LZW", {"compression": "lzw", "predictor": True}),
        ("TIFF, ZSTD, tiles", {"compression": "zstd", "tile": (256, 256)}),
        ("TIFF, JPEG", {"compression": "jpeg"}),
    ]
    for name, options in tiffs:
        yield name, by_tifffile(picture, **options), AS_STORED
    yield (
        "TIFF, 16 bits, planar",
        by_tifffile(deep.transpose(2, 0, 1), planarconfig="separate"),
        (AS_STORED),
    )


def peak_bytes(data: bytes, said: Pixels) -> int:
    """Memory that this process takes at most while it decodes, beyond what it has."""
    memory_limit.free()
    # The kernel counts the highest from now on.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    decode_sniffed(data, sniff(data, MAX_PIXELS), MAX_PIXELS, None, said)
    return resident("VmHWM") - before


def resident(name: str) -> int:
    """Bytes in memory: now (`VmRSS`), or at most (`VmHWM`)."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[0]) * 1024


def main() -> None:
    picture = pictures.scene(0, pictures.parse_size("1920x1080"))
    memory_limit.enable()
    print("| file | kB | ms | MB | bytes per pixel |\n|---|---|---|---|---|")
    for name, data, said in files(picture):
        seconds = []
        for _ in range(RUNS):
            start = time.process_time()
            decode_sniffed(data, sniff(data, MAX_PIXELS), MAX_PIXELS, None, said)
            seconds.append(time.process_time() - start)
        peak = peak_bytes(data, said)
        row = [
            f"{len(data) / 1000:,.0f}",
            f"{1000 * median(seconds):.1f}",
            f"{peak / 1e6:.1f}",
            f"{peak / (picture.shape[0] * picture.shape[1]):.1f}",
        ]
        print(f"| {name} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
