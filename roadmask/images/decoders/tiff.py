"""TIFF by tifffile and imagecodecs, which read all its forms; their colours become grey or RGB."""

from __future__ import annotations

import io
import logging
import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roadmask.errors import ImageTooLarge, ImageUnreadable, UnsupportedFormat
from roadmask.images.colors.icc import srgb_of_lab
from roadmask.images.containers.file_bytes import FileBytes
from roadmask.images.containers.tiff import (
    CCITT,
    CIELAB,
    CMYK,
    COMPRESSIONS,
    DEFLATE,
    FLOAT,
    ICCLAB,
    INT,
    JPEG,
    OLD_JPEG,
    PACKBITS,
    PALETTE,
    UINT,
    YCBCR,
    ZSTD,
    TiffPage,
    tiff_page,
)
from roadmask.images.containers.tiff_directory import read_directories
from roadmask.images.decoders.missing import needs_package

Samples = NDArray[Any]
ROWS_BYTES = 2**22
"""Rows are converted in blocks of about so many bytes, so that conversion needs little memory."""
MAX_EXCESS = 2**27
"""Bytes of a strip behind its pixels that are inflated, and dropped, to check it to its end."""
ASSOCIATED_ALPHA = 1
ORIENTATION = 274
COLOR_MAP = 320
"""The tag of a palette."""


def decode_tiff(data: bytes, max_pixels: int) -> Samples:
    """The samples of a TIFF that has been sniffed, (H, W) grey or (H, W, 3) RGB, not turned.

    Integers of less than 8 bits become uint8; other samples keep their dtype and values, also those
    of which 0 is white. Raises `ImageUnreadable`, and `UnsupportedFormat` if imagecodecs is not
    installed and needed.
    """
    page = tiff_page(FileBytes(data), max_pixels)
    if page.compression in CCITT:
        return _fax(data, page)
    stored = _stored(data, page)
    if page.sample_format == UINT and page.bits < 8 and page.photometric != PALETTE:
        stored = _scaled_to_eight_bits(stored, page.bits)
    bits = max(page.bits, 8)
    if page.photometric == PALETTE:
        return _in_blocks(stored[..., 0], _palette(data, page))
    if page.photometric == CMYK:
        return _in_blocks(stored, lambda block: _rgb_of_cmyk(block, 2**bits - 1))
    if page.photometric == YCBCR and page.compression not in (JPEG, OLD_JPEG):
        return _in_blocks(stored, lambda block: _rgb_of_ycbcr(block, page))
    if page.photometric in (CIELAB, ICCLAB):
        is_signed = page.photometric == CIELAB
        return _in_blocks(stored, lambda block: _rgb_of_lab(block, is_signed=is_signed))
    colors = page.colors
    if page.extra[:1] == (ASSOCIATED_ALPHA,) and stored.shape[2] > colors:
        opaque = _opaque(page)
        return _in_blocks(stored, lambda block: _without_alpha(block, colors, opaque))
    return stored[..., 0] if colors == 1 else stored[..., :3]


def _stored(data: bytes, page: TiffPage) -> Samples:
    """The samples of the page as they are stored, (H, W, samples)."""
    tifffile = _tifffile()
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            # A file of overviews is a series of pages, of which only this one is read.
            read = tiff.pages[page.index]
            try:
                samples = read.asarray(maxworkers=1)
            except Exception:
                if page.compression not in DEFLATE:
                    raise
                read.decode = _without_excess(read.decode, page.dtype.itemsize)
                samples = read.asarray(maxworkers=1)
            planes, _, height, width, samples_together = read.shaped
            samples = samples.reshape(planes, height, width, samples_together)
    except MemoryError:
        raise
    except ImportError:
        raise needs_package(
            f"a TIFF with {COMPRESSIONS[page.compression]}", "imagecodecs"
        ) from None
    except Exception as error:
        # The library raises errors of many kinds, of its own and of its codecs.
        if "requires the 'imagecodecs' package" in str(error):
            name = f"a TIFF with {COMPRESSIONS[page.compression]}"
            raise needs_package(name, "imagecodecs") from None
        if isinstance(error, NotImplementedError):
            raise UnsupportedFormat(
                f"This form of TIFF is not supported ({str(error)[:100]}). Save it without "
                "compression, as grey or RGB."
            ) from error
        if page.compression == OLD_JPEG:
            raise UnsupportedFormat(
                "The TIFF has old-style JPEG data (compression 6) in a form that is not supported. "
                "Save it with another compression, such as LZW."
            ) from error
        raise _damaged(page) from error
    if samples.dtype == bool:
        samples = samples.view(np.uint8)
    if samples.dtype.newbyteorder("=") != page.dtype:
        # What is inside of a strip has a depth of its own.
        raise ImageUnreadable(
            f"The header of the TIFF says {page.dtype} samples, but its data hold {samples.dtype}. "
            "The file is damaged: copy it again."
        )
    samples = np.moveaxis(samples[..., 0], 0, 2) if planes > 1 else samples[0]
    if samples.shape != (page.height, page.width, page.samples):
        raise ImageUnreadable(
            f"The header of the TIFF says {page.width}x{page.height} pixels of {page.samples} "
            f"samples, but its data hold {samples.shape[1]}x{samples.shape[0]} of "
            f"{samples.shape[2]}. The file is damaged: copy it again."
        )
    return np.asarray(samples.astype(page.dtype, copy=False))


def _without_excess(decode: Callable[..., Any], itemsize: int) -> Callable[..., Any]:
    """The library's `decode` of strips and tiles, for those with more data than their pixels.

    Some writers fill the last strip up to the height of the others. libtiff reads what it needs,
    and imagecodecs refuses it all. No more than the pixels is kept.
    """

    def decode_pixels(data: bytes | None, index: int, **options: Any) -> Any:
        if data is not None:
            shape = decode(None, index)[2]
            size = math.prod(shape) * itemsize
            stream = zlib.decompressobj()
            inflated = stream.decompress(data, size)
            if len(inflated) < size:
                raise ValueError("a strip or tile has less data than its pixels")
            excess = 0
            while stream.unconsumed_tail and not stream.eof and excess < MAX_EXCESS:
                # The checksum is at the end; it is an error if that is wrong.
                excess += len(stream.decompress(stream.unconsumed_tail, ROWS_BYTES // 16))
            if 0 < excess < MAX_EXCESS and not stream.eof:
                raise ValueError("a strip or tile does not end where its data end")
            data = zlib.compress(inflated, 0)
        return decode(data, index, **options)

    return decode_pixels


def _fax(data: bytes, page: TiffPage) -> NDArray[np.uint8]:
    """The pixels of a fax, grey. libtiff, which Pillow has, reads them on behind a damaged row;
    imagecodecs leaves all rows below it white, without an error.

    Raises `ImageTooLarge` for more pixels than Pillow reads, and `ImageUnreadable`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["TIFF"]) as picture:
            picture.seek(page.index)
            # Pillow would turn it.
            picture.getexif()[ORIENTATION] = 1
            return np.asarray(picture.convert("L"))
    except MemoryError:
        raise
    except Image.DecompressionBombError:
        raise ImageTooLarge(
            f"The TIFF is a fax ({COMPRESSIONS[page.compression]}) of {page.width}x{page.height} "
            f"pixels; at most {2 * (Image.MAX_IMAGE_PIXELS or 0):,} are read in this compression. "
            "Save it with another one, such as LZW, or scale it down."
        ) from None
    except Exception as error:
        raise _damaged(page) from error


def _damaged(page: TiffPage) -> ImageUnreadable:
    compression = COMPRESSIONS[page.compression]
    if page.compression in (PACKBITS, ZSTD):
        # The decoders of these do not tell one from the other.
        return ImageUnreadable(
            f"The pixels of the TIFF cannot be decoded ({compression}): its data are damaged, or "
            "more than its pixels need. Copy the file again, or save it with another compression."
        )
    return ImageUnreadable(
        f"The pixels of the TIFF cannot be decoded ({compression}): its data are damaged. Copy the "
        "file again."
    )


def _tifffile() -> Any:
    try:
        import tifffile
    except ImportError:
        raise needs_package("TIFF", "tifffile") from None
    # It logs what it finds odd in a file; the errors here say what matters.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    return tifffile


def _in_blocks(stored: Samples, convert: Callable[[Samples], Samples]) -> Samples:
    """`convert` applied to blocks of rows."""
    rows = max(1, ROWS_BYTES // max(1, stored[:1].nbytes))
    first = convert(stored[:rows])
    converted = np.empty((len(stored), *first.shape[1:]), first.dtype)
    converted[:rows] = first
    for start in range(rows, len(stored), rows):
        converted[start : start + rows] = convert(stored[start : start + rows])
    return converted


def _scaled_to_eight_bits(stored: Samples, bits: int) -> NDArray[np.uint8]:
    highest = 2**bits - 1
    table = (np.arange(256) * 255 // highest).clip(0, 255).astype(np.uint8)
    return np.asarray(table[stored.astype(np.uint8, copy=False)], np.uint8)


def _palette(data: bytes, page: TiffPage) -> Callable[[Samples], Samples]:
    colors = read_directories(FileBytes(data))[page.index].integers(COLOR_MAP)
    size = 2**page.bits
    if colors.size < 3 * size:
        raise ImageUnreadable("The colour map of the TIFF is too short. Copy the file again.")
    # Values are 0 to 65535, but some writers store 0 to 255.
    shift = 8 if colors.max() > 255 else 0
    table = (colors[: 3 * size].reshape(3, size).T >> shift).astype(np.uint8)
    return lambda block: table[block]


def _rgb_of_cmyk(block: Samples, highest: int) -> Samples:
    ink = block[..., :4].astype(np.float32) / highest
    rgb = (1 - ink[..., :3]) * (1 - ink[..., 3:]) * highest
    return np.asarray(np.rint(rgb), block.dtype)


def _rgb_of_ycbcr(block: Samples, page: TiffPage) -> Samples:
    highest = 2**page.bits - 1
    black, white = page.reference[::2], page.reference[1::2]
    # As TIFF 6.0 has it, Cb and Cr have half of the range of Y.
    ranges = (highest, (highest - 1) / 2, (highest - 1) / 2)
    luma, blue, red = (
        (block[..., channel].astype(np.float32) - low) * np.float32(full / (high - low))
        for channel, (low, high, full) in enumerate(zip(black, white, ranges, strict=True))
    )
    of_red, of_blue = page.luma
    rgb = np.empty((*luma.shape, 3), np.float32)
    rgb[..., 0] = luma + (2 - 2 * of_red) * red
    rgb[..., 2] = luma + (2 - 2 * of_blue) * blue
    rgb[..., 1] = (luma - of_red * rgb[..., 0] - of_blue * rgb[..., 2]) / (1 - of_red - of_blue)
    return np.asarray(np.rint(rgb).clip(0, highest), block.dtype)


def _rgb_of_lab(block: Samples, *, is_signed: bool) -> NDArray[np.uint8]:
    bits = 8 * block.dtype.itemsize
    lab = (block[..., :3] >> (bits - 8)).astype(np.uint8)
    if not is_signed:
        lab[..., 1:] ^= 0x80
    return srgb_of_lab(lab)


def _opaque(page: TiffPage) -> float:
    """The alpha of an opaque pixel."""
    if page.sample_format == FLOAT:
        return 1.0
    bits = max(page.significant_bits or page.bits, 8)
    return float(2 ** (bits - (page.sample_format == INT)) - 1)


def _without_alpha(block: Samples, colors: int, opaque: float) -> Samples:
    """The colours of pixels into which their alpha was multiplied."""
    alpha = block[..., colors : colors + 1].astype(np.float64)
    plain = block[..., :colors] * (opaque / np.where(alpha > 0, alpha, opaque))
    if block.dtype.kind != "f":
        limits = np.iinfo(block.dtype)
        plain = np.rint(plain).clip(limits.min, min(limits.max, opaque))
    plain = plain.astype(block.dtype)
    return plain[..., 0] if colors == 1 else plain
