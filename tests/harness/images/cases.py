"""Image files of known value in every form, and what is right for each of them.

`tests/roadmask/images/cases/cases.tar.xz` has the files. They were made for these tests: all show
one picture, `bmp.bmp`, unless their rule says otherwise. `python -m tests.harness.images.cases`
prints the table of `docs/image-formats.md`.
"""

from __future__ import annotations

import io
import re
import sys
import tarfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roadmask.errors import (
    ImageAnimated,
    ImageTooLarge,
    ImageUnreadable,
    ItemError,
    UnsupportedFormat,
)
from roadmask.images.decoding import decode

ARCHIVE = Path(__file__).parents[2] / "roadmask" / "images" / "cases" / "cases.tar.xz"
MAX_PIXELS = 50_000_000
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is right for the cases whose names match: pixels within a mean error, or an error."""

    names: str
    form: str
    """For people."""
    right: Callable[[], Pixels] | type[ItemError]
    limit: float = 0.5
    """Largest mean error of the pixels."""
    words: str = ""
    """What the error says."""


@cache
def cases() -> dict[str, bytes]:
    """The bytes of each case by its name."""
    with tarfile.open(ARCHIVE) as archive:
        members = (member for member in archive if member.isfile())
        return {
            member.name: file.read() for member in members if (file := archive.extractfile(member))
        }


def picture() -> Pixels:
    return np.asarray(Image.open(io.BytesIO(cases()["bmp.bmp"])).convert("RGB"))


def luma() -> Pixels:
    grey = np.asarray(Image.fromarray(picture()).convert("L"))
    return np.repeat(grey[..., None], 3, axis=2)


def green() -> Pixels:
    return np.repeat(picture()[..., 1:2], 3, axis=2)


def by_pillow(name: str) -> Callable[[], Pixels]:
    def read() -> Pixels:
        with warnings.catch_warnings():
            # Of palettes with transparency, which is dropped here.
            warnings.simplefilter("ignore")
            return np.asarray(Image.open(io.BytesIO(cases()[name])).convert("RGB"))

    return read


def scaled(reference: Callable[[], Pixels], factor: float) -> Callable[[], Pixels]:
    def read() -> Pixels:
        return np.asarray(np.rint(reference() * factor).clip(0, 255), np.uint8)

    return read


LOSSY = 1.6
CUT = "cut off"
RULES = (
    Rule(r"jpeg(_be)?_o[1-8]\.jpg", "JPEG, EXIF orientation 1 to 8", picture, LOSSY),
    Rule(
        r"jpeg_o(0|9|65535)\.jpg|jpeg_o6_type1\.jpg", "JPEG, impossible orientation", picture, LOSSY
    ),
    Rule(r"jpeg_o6_(count2|type4|type8)\.jpg", "JPEG, orientation of another type", picture, LOSSY),
    Rule(
        r"jpeg_(exif_o6_many|xmp_o6)\.jpg", "JPEG, orientation in large EXIF or XMP", picture, LOSSY
    ),
    Rule(r"jpeg_exif_.*", "JPEG, EXIF that cannot be read", picture, LOSSY),
    Rule(
        r"jpeg_(plain|444|rgb|cmyk|trailing)\.jpg|mpo\.mpo",
        "JPEG, RGB, CMYK, a pair",
        picture,
        LOSSY,
    ),
    Rule(r"jpeg_grey\.jpg", "JPEG, grey", luma, LOSSY),
    Rule(r"jpeg_big_hole\.jpg", "JPEG, with a hole in its data", by_pillow("jpeg_big_hole.jpg"), 2),
    Rule(r"jpeg_.*cut.*", "JPEG, cut off", ImageUnreadable, words="truncated or corrupt"),
    Rule(r"jpeg12\.jpg", "JPEG of 12 bits", UnsupportedFormat, words="12-bit JPEG"),
    Rule(r"jpeg_lossless\.jpg", "JPEG, lossless", UnsupportedFormat, words="lossless JPEG"),
    Rule(r"jpeg_ls\.jpg", "JPEG-LS", UnsupportedFormat, words="JPEG-LS"),
    Rule(
        r"jpeg_leading_nul\.jpg", "no format", UnsupportedFormat, words="1 other bytes in front of"
    ),
    Rule(r"jp2\.jp2", "JPEG 2000", UnsupportedFormat, words="JPEG 2000 image"),
    Rule(r"gif\.gif", "GIF", UnsupportedFormat, words="GIF image"),
    Rule(r"ico\.ico", "Windows icon", UnsupportedFormat, words="Windows icon"),
    Rule(r"bmp\.bmp", "BMP", picture),
    Rule(r"avif(_o[1-8])?\.avif", "AVIF, rotated and mirrored", picture, 2),
    Rule(r"heic(_o[36])?\.heic|heic_10bit\.heic", "HEIC, rotated, 10 bits", picture, 1),
    Rule(
        r"heic_odd\.heic",
        "HEIC, cropped by its container",
        lambda: np.asarray(Image.fromarray(picture()).resize((100, 61))),
        3,
    ),
    Rule(r"apng\.png", "PNG, animated", ImageAnimated, words="animated"),
    Rule(r"png_(crc|cut)\.png", "PNG, damaged or cut off", ImageUnreadable, words="again"),
    Rule(r"png_claims_2000_mib\.png", "PNG, a chunk of 2,000 MiB", ImageUnreadable, words=CUT),
    Rule(r"png(_exif_after_idat|_rawprofile)?_o[1-8]\.png", "PNG, orientation anywhere", picture),
    Rule(
        r"png_(exif_|noiend|trailing|gamma1|rgba).*|icc_srgb\.png|png8_rgb_trns\.png",
        "PNG, RGB, alpha, odd chunks",
        picture,
    ),
    Rule(r"png_la\.png|png8_grey_trns\.png", "PNG, grey", luma),
    Rule(r"png_pal4\.png|png_pal_trns\.png", "PNG, palette", by_pillow("png_pal4.png")),
    Rule(r"png_pal\.png", "PNG, palette", by_pillow("png_pal.png")),
    Rule(r"png_1bit\.png", "PNG, 1 bit", by_pillow("png_1bit.png")),
    Rule(r"size_.*\.png", "PNG, sizes from 1x1 to 10000x1", picture),
    Rule(
        r"png16_grey_\d+bit\.png|png16_(grey_trns|la)\.png",
        "PNG, grey, 8 to 16 bits in 16",
        luma,
        1.1,
    ),
    Rule(
        r"png16_rgb(_\d+bit|a)?\.png|flicker_[ab]\.png",
        "PNG, RGB, 8 to 16 bits in 16",
        picture,
        1.1,
    ),
    Rule(r"png16_rgba_a0\.png", "PNG, 16 bits, alpha 0", picture, 1.1),
    Rule(r"webp_1frame_anim\.webp", "WebP, animation of one frame", picture, 2.2),
    Rule(r"webp_anim\.webp", "WebP, animated", ImageAnimated, words="animated"),
    Rule(r"cut50.*\.webp", "WebP, cut off", ImageUnreadable, words=CUT),
    Rule(r"webp(lossy)?_o[1-8]\.webp", "WebP, orientation 1 to 8", picture, LOSSY),
    Rule(r"webp_rgba\.webp", "WebP, alpha", picture),
    Rule(r"webp_rgba_lossy\.webp", "WebP, lossy, alpha", by_pillow("webp_rgba_lossy.webp"), 1),
    Rule(
        r"tiff_(None|zlib|lzw|jpeg)_o[1-8]\.tif|tifftile_o[1-8]\.tif|tiff16_o[1-8]\.tif",
        "TIFF, strips and tiles, orientation 1 to 8",
        picture,
        LOSSY,
    ),
    Rule(
        r"tiffgray_o[1-8]\.tif",
        "TIFF, grey, orientation 1 to 8",
        lambda: by_pillow("tiffgray_o1.tif")(),
    ),
    Rule(r"tiff_c_.*", "TIFF, every compression", picture, LOSSY),
    Rule(
        r"tiff16_(be|pred)\.tif|tiff_(be|big|pred|tiled)\.tif",
        "TIFF, byte orders, BigTIFF, tiles",
        picture,
    ),
    Rule(r"tiff_planar.*", "TIFF, planar", picture),
    Rule(r"tiff_(cog_pyramid|thumb_page)\.tif", "TIFF, overviews and thumbnails", picture),
    Rule(r"tiff_multipage\.tif", "TIFF, several pages", ImageAnimated, words="2 pages"),
    Rule(r"tiff_cmyk.*", "TIFF, CMYK, 8 and 16 bits", picture, 1.1),
    Rule(
        r"tiff_(rgba|rgbx|rgbnir).*|tiff_rgba16.*", "TIFF, alpha and extra channels", picture, 1.1
    ),
    Rule(r"tiff_lab\.tif|tiff_ycbcr_raw\.tif", "TIFF, Lab and YCbCr", picture, LOSSY),
    Rule(r"tiff_ycbcr\.tif", "TIFF, JPEG of odd colours", by_pillow("tiff_ycbcr.tif"), 30),
    Rule(
        r"tiff_(gray8|2ch|grayalpha|grayalpha16)\.tif|tiff_gray16(_1[024])?\.tif|tiff_packed1[02]\.tif",
        "TIFF, grey, 8 to 16 bits, packed bits",
        luma,
        1.1,
    ),
    Rule(r"tiff(16)?_?iswhite\.tif", "TIFF, 0 is white", luma, 1.1),
    Rule(r"tiff_rgb16_1[024]\.tif", "TIFF, RGB, 10 to 14 bits in 16", picture, 1.1),
    Rule(r"tiff_pal.*", "TIFF, palettes of 8 and 16 bits", by_pillow("tiff_pal.tif")),
    Rule(r"tiff_1bit.*", "TIFF, 1 bit, CCITT group 4", by_pillow("tiff_1bit.tif")),
    Rule(r"tiff_gray_int8\.tif", "TIFF, signed 8 bits", luma, 1.1),
    Rule(r"tiff_rgb_int8\.tif", "TIFF, signed 8 bits", picture, 1.1),
    Rule(r"tiff_gray_int16\.tif", "TIFF, signed 16 bits, 14 used", scaled(luma, 100 / 64), 1.1),
    Rule(r"tiff_rgb_int16\.tif", "TIFF, signed 16 bits, 15 used", scaled(picture, 100 / 128), 1.1),
    Rule(
        r"tiff_(gray|rgb)_(float|uint|int)(16|32|64)\.tif",
        "TIFF, floating point or 32 bits, of unstated range",
        UnsupportedFormat,
        words="range",
    ),
    Rule(
        r"tiff_tile_30000\.tif", "TIFF, huge tiles of a small image", ImageTooLarge, words="tiles"
    ),
    Rule(r"bayer12in16\..*", "raw sensor data, read as grey", by_pillow("bayer12in16.png"), 256),
    Rule(r"thermal16\.png", "thermal data, 13 bits", by_pillow("thermal16.png"), 256),
)


def rule_of(name: str) -> Rule:
    """The only rule for a case: the first that matches."""
    return next(rule for rule in RULES if re.fullmatch(rule.names, name))


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """The pixels turned by an EXIF orientation, in plain NumPy."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    horizontal, vertical = orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)
    return pixels[:: -1 if vertical else 1, :: -1 if horizontal else 1]


def fault(name: str) -> str:
    """What is wrong with how a case is read; empty if nothing is."""
    rule = rule_of(name)
    try:
        pixels = decode(cases()[name], MAX_PIXELS)
    except ItemError as error:
        if rule.right is not type(error) or rule.words not in error.detail:
            return f"{type(error).__name__}: {error.detail}"
        return ""
    if isinstance(rule.right, type):
        return "it is read"
    expected = rule.right()
    if name.startswith("size_"):
        size = tuple(int(side) for side in name[5:-4].split("x"))[::-1]
        return "" if pixels.shape[:2] == size else f"its shape is {pixels.shape}"
    found = re.search(r"_o(\d+)", name)
    if found and "impossible" not in rule.form:
        expected = turned(expected, int(found[1]))
    if pixels.shape != expected.shape:
        return f"its shape is {pixels.shape} instead of {expected.shape}"
    mean = np.abs(pixels.astype(int) - expected).mean()
    return "" if mean <= rule.limit else f"its mean error is {mean:.2f}"


def table() -> str:
    """What is read and what is refused, as Markdown."""
    lines = ["| files | form | outcome |", "|---|---|---|"]
    for rule in RULES:
        names = [name for name in cases() if rule_of(name) is rule]
        wrong = [name for name in names if fault(name)]
        outcome = "read right"
        if isinstance(rule.right, type) and issubclass(rule.right, ItemError):
            outcome = f"refused: `{rule.right.code}`"
        if wrong:
            outcome = f"wrong: {', '.join(wrong)}"
        lines.append(f"| {len(names)} | {rule.form} | {outcome} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table())
