"""TIFF (6.0, BigTIFF, and Adobe's and libtiff's additions): the page that is the image."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import ImageAnimated, ImageTooLarge, ImageUnreadable, UnsupportedFormat
from roadmask.images.containers.exif import orientation_of
from roadmask.images.containers.file_bytes import FileBytes
from roadmask.images.containers.jpeg import jpeg_facts
from roadmask.images.containers.raw_photos import check_no_raw_photo
from roadmask.images.containers.tiff_directory import TiffDirectory, read_directories
from roadmask.images.containers.webp import webp_facts
from roadmask.images.facts import ImageFacts, facts_of

MINISWHITE, MINISBLACK, RGB, PALETTE, CMYK, YCBCR, CIELAB, ICCLAB, CFA = (
    0,
    1,
    2,
    3,
    5,
    6,
    8,
    9,
    32803,
)
UINT, INT, FLOAT = 1, 2, 3
REDUCED, MASK = 1, 4
"""Bits of NewSubfileType: an overview or thumbnail, a transparency mask."""
NONE, OLD_JPEG, JPEG, PACKBITS, ZSTD, WEBP = 1, 6, 7, 32773, 50000, 50001
COMPRESSIONS = {
    NONE: "none", 2: "CCITT RLE", 3: "CCITT group 3", 4: "CCITT group 4", 5: "LZW",
    OLD_JPEG: "old JPEG", JPEG: "JPEG", 8: "deflate", 32946: "deflate", PACKBITS: "PackBits",
    34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA", ZSTD: "ZSTD", WEBP: "WebP",
    50002: "JPEG XL",
}  # fmt: skip
"""Compressions that are decoded, by their number."""
DEFLATE = frozenset({8, 32946})
CCITT = frozenset({2, 3, 4})
"""Compressions of faxes."""
UNBOUNDED = frozenset({OLD_JPEG, 34712, 34887, 50002})
"""Compressions whose data have a size of their own that is not read here."""
_NAMES = {
    34661: "JBIG", 34676: "SGI Log", 34677: "SGI Log24", 32809: "ThunderScan", 32766: "NeXT",
    34933: "PNG", 50003: "JPEG XL", 65000: "Kodak DCR", 34713: "Nikon NEF", 32767: "Sony ARW",
    22610: "JPEG XR", 34934: "JPEG XR",
}  # fmt: skip
_COLORS = {
    4: "a transparency mask", 10: "ITU L*a*b*", 32844: "CIE Log L", 32845: "CIE Log Luv",
    34892: "linear raw", 51177: "depth",
}  # fmt: skip
_DEPTHS = {UINT: {*range(1, 17), 32, 64}, INT: {8, 16, 32, 64}, FLOAT: {16, 24, 32, 64}}
_JPEG_END = b"\xff\xd9"
_PADDING = 4096
"""Bytes that writers leave behind a JPEG, at most."""
_OME_BITS = re.compile(r"SignificantBits=\"(\d+)\"")


@dataclass(frozen=True, slots=True)
class TiffPage:
    """How the pixels of the image in a TIFF are stored."""

    index: int
    """Place among the pages of the file."""
    width: int
    height: int
    samples: int
    """Of a pixel, extra ones included."""
    bits: int
    sample_format: int
    photometric: int
    compression: int
    is_planar: bool
    extra: tuple[int, ...]
    """Kinds of the extra samples: 1 is alpha that is multiplied in, 2 is alpha that is not."""
    subsampling: tuple[int, int]
    luma: tuple[float, float]
    """Shares of red and blue in the luma of YCbCr."""
    reference: tuple[float, ...]
    """Black and white of Y, Cb and Cr, as stored samples."""
    inks: str
    """What the file says of its inks, for errors, if they are not CMYK of the whole range."""
    cfa: str
    """Colours of 2x2 sensor pixels, where the file has raw data of one sample."""
    stated: tuple[float, float] | None
    """Smallest and largest value of a sample, where the file states both."""
    orientation: int
    significant_bits: int | None
    icc_profile: bytes

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the samples when they are decoded: at least 8 bits, in the order of this machine."""
        kind = {UINT: "u", INT: "i", FLOAT: "f"}[self.sample_format]
        size = next(size for size in (1, 2, 4, 8) if 8 * size >= self.bits)
        return np.dtype(f"{kind}{size}")

    @property
    def colors(self) -> int:
        """Samples of a pixel without the extra ones."""
        return {RGB: 3, CMYK: 4, YCBCR: 3, CIELAB: 3, ICCLAB: 3}.get(self.photometric, 1)

    @property
    def bands(self) -> int:
        """Samples of a pixel without alpha."""
        return self.samples - sum(kind in (1, 2) for kind in self.extra)


def tiff_facts(file: FileBytes, max_pixels: int) -> ImageFacts:
    """The facts of a TIFF.

    Raises `ImageUnreadable`, `ImageAnimated`, `ImageTooLarge` and `UnsupportedFormat`.
    """
    page = tiff_page(file, max_pixels)
    channels = 3 if page.photometric == PALETTE else page.samples
    return facts_of(
        "tiff",
        (page.width, page.height),
        min(channels, 4) if page.photometric != CMYK else 4,
        -(-page.bits // 8) * 8,
        orientation=page.orientation,
        significant_bits=page.significant_bits,
        icc_profile=page.icc_profile,
        stated_range=page.stated if page.sample_format != UINT or page.bits > 16 else None,
        cfa=page.cfa,
        # The decoder of faxes inverts them.
        zero_is_white=page.photometric == MINISWHITE and page.compression not in CCITT,
        is_lossy=page.compression in (JPEG, OLD_JPEG),
        needs_sandbox=page.compression in UNBOUNDED,
    )


def tiff_page(file: FileBytes, max_pixels: int) -> TiffPage:
    """The page of a TIFF that is the image. Raises what `tiff_facts` raises."""
    directories = read_directories(file)
    check_no_raw_photo(directories[0])
    index = _image_index(directories)
    directory = directories[index]
    if (slices := directory.number(32997, 1)) > 1:
        raise ImageAnimated(
            f"The TIFF is a volume of {slices:,} slices. Send each one as a separate image."
        )
    page = _page(directory, index)
    _check_kind(page)
    _check_segments(directory, page, max_pixels)
    return page


def _image_index(directories: list[TiffDirectory]) -> int:
    """The first page that is neither an overview, a thumbnail nor a mask."""
    full = [
        index
        for index, directory in enumerate(directories)
        if not directory.number(254, 0) & (REDUCED | MASK) and directory.number(255, 1) != 2
    ]
    if len(full) > 1:
        raise ImageAnimated(f"The TIFF has {len(full)} pages. Send each one as a separate image.")
    return full[0] if full else 0


def _page(directory: TiffDirectory, index: int) -> TiffPage:
    bits = [int(value) for value in directory.integers(258)] or [1]
    formats = [int(value) for value in directory.integers(339)] or [UINT]
    samples = directory.number(277, 1)
    if len(set(bits[:samples])) > 1 or len(set(formats[:samples])) > 1:
        raise UnsupportedFormat(
            "The samples of the TIFF differ in their number of bits. Save it with 8 or 16 bits "
            "for each."
        )
    subsampling = [int(value) for value in directory.integers(530)[:2]]
    photometric = directory.number(262, RGB if samples >= 3 else MINISBLACK)
    lowest, highest = directory.values(280), directory.values(281)
    if formats[0] in (FLOAT, INT) and 340 in directory and 341 in directory:
        lowest, highest = directory.values(340), directory.values(341)
    stated = None
    if lowest.size and highest.size:
        low, high = float(lowest.min()), float(highest.max())
        # A range that is not finite says nothing.
        stated = (low, high) if 0 < high - low < math.inf else None
    return TiffPage(
        index=index,
        width=directory.number(256, 0),
        height=directory.number(257, 0),
        samples=samples,
        bits=bits[0],
        sample_format=formats[0] if formats[0] != 4 else UINT,
        photometric=photometric,
        compression=directory.number(259, NONE),
        is_planar=directory.number(284, 1) == 2 and samples > 1,
        extra=tuple(int(value) for value in directory.integers(338)),
        subsampling=(subsampling[0], subsampling[1]) if len(subsampling) == 2 else (2, 2),
        luma=_luma(directory),
        reference=_reference(directory, bits[0]),
        inks=_inks(directory, bits[0]),
        cfa=_cfa(directory) if photometric == CFA else "",
        stated=stated,
        orientation=_orientation(directory),
        significant_bits=_significant_bits(directory, bits[0], formats[0]),
        icc_profile=directory.values(34675).tobytes(),
    )


def _orientation(directory: TiffDirectory) -> int:
    orientation = directory.number(274, 0)
    if 274 in directory:
        return orientation if 1 <= orientation <= 8 else 1
    return orientation_of(b"", directory.values(700).tobytes())


def _significant_bits(directory: TiffDirectory, bits: int, sample_format: int) -> int | None:
    """Bits of a sample that hold data: OME's SignificantBits, MaxSampleValue, packed samples."""
    if sample_format != UINT or not 8 < bits <= 16:
        return None
    if found := _OME_BITS.search(directory.text(270)):
        stated = int(found[1])
    elif (values := directory.values(281)).size and math.isfinite(values.max()):
        stated = int(values.max()).bit_length()
    else:
        return bits if bits < 16 else None
    return stated if 8 <= stated <= bits else None


def _luma(directory: TiffDirectory) -> tuple[float, float]:
    stated = directory.fractions(529)
    is_possible = len(stated) == 3 and min(stated) > 0 and abs(sum(stated) - 1) < 0.01
    # Without it, and without a meaning, they are those of ITU-R BT.601.
    return (stated[0], stated[2]) if is_possible else (0.299, 0.114)


def _reference(directory: TiffDirectory, bits: int) -> tuple[float, ...]:
    stated = directory.fractions(532)
    highest, middle = 2**bits - 1, 2 ** (bits - 1)
    if len(stated) == 6:
        black, white = stated[::2], stated[1::2]
        # Some writers state the values of 8 bits for samples of any depth.
        if min(white) > highest / 2 and all(map(float.__lt__, black, white)):
            return tuple(stated)
    return (0, highest, middle, highest, middle, highest)


def _inks(directory: TiffDirectory, bits: int) -> str:
    if directory.number(332, 1) != 1 or directory.number(334, 4) != 4:
        return "inks other than cyan, magenta, yellow and black"
    dots = directory.fractions(336)
    if set(zip(dots[::2], dots[1::2], strict=False)) <= {(0, 2**bits - 1)}:
        return ""
    return "inks that use a part of the range of their samples (DotRange)"


def _cfa(directory: TiffDirectory) -> str:
    """The pattern of TIFF/EP, such as RGGB, or empty if it is not one of 2x2 colours."""
    pattern = bytes(directory.integers(33422).astype(np.uint8))
    size = [int(value) for value in directory.integers(33421)]
    if size != [2, 2] or len(pattern) != 4 or set(pattern) != {0, 1, 2}:
        return ""
    return "".join("RGB"[color] for color in pattern)


def _check_kind(page: TiffPage) -> None:
    """Raise for what no decoder here reads right, with its name."""
    if not (0 < page.width < 2**31 and 0 < page.height < 2**31 and 0 < page.samples <= 64):
        raise ImageUnreadable("The TIFF's header has impossible values. Copy the file again.")
    name = ""
    if page.compression not in COMPRESSIONS:
        kind = _NAMES.get(page.compression, f"number {page.compression}")
        name = f"the compression {kind}"
    elif page.photometric in _COLORS:
        name = f"the colour space {_COLORS[page.photometric]}"
    elif page.photometric == CFA and not page.cfa:
        name = "raw sensor data without a 2x2 colour pattern"
    elif page.photometric not in (
        MINISWHITE, MINISBLACK, RGB, PALETTE, CMYK, YCBCR, CIELAB, ICCLAB, CFA
    ):  # fmt: skip
        name = f"the colour space number {page.photometric}"
    elif page.bits not in _DEPTHS.get(page.sample_format, set()):
        kind = {UINT: "", INT: " signed", FLOAT: " floating-point"}.get(
            page.sample_format, " complex"
        )
        name = f"{page.bits}-bit{kind} samples"
    elif page.photometric in (CIELAB, ICCLAB) and page.compression == JPEG:
        # Decoders take its three components for YCbCr.
        name = "Lab colours in JPEG compression"
    elif page.photometric in (MINISWHITE, MINISBLACK) and page.bands > 2:
        # Often RGB, whose writer did not say so: its first band alone would be another picture.
        name = f"{page.bands} bands whose colours it does not name"
    elif page.photometric == CMYK and page.inks:
        name = page.inks
    elif page.samples < page.colors:
        name = f"too few samples for each pixel, {page.samples}, for its colour space"
    elif page.photometric not in (RGB, MINISBLACK, CFA) and (
        page.bits > 16 or page.sample_format != UINT
    ):
        name = f"signed, floating-point or {page.bits}-bit samples in this colour space"
    if name:
        is_coding = page.compression not in COMPRESSIONS
        remedy = (
            "another compression, such as LZW."
            if is_coding
            else "8 or 16 bits for each channel, as grey or RGB."
        )
        raise UnsupportedFormat(
            f"The TIFF has {name}, which is not supported. Save it with {remedy}"
        )


def _check_segments(directory: TiffDirectory, page: TiffPage, max_pixels: int) -> None:
    """Check that the strips or tiles are in the file and that there are enough."""
    file = directory.file
    is_tiled = 324 in directory or 322 in directory
    if is_tiled:
        width, height = directory.number(322, 0), directory.number(323, 0)
    else:
        width, height = page.width, min(directory.number(278, page.height), page.height)
    if not 0 < width < 2**31 or not 0 < height < 2**31:
        raise ImageUnreadable("The TIFF's tiles have an impossible size. Copy the file again.")
    across, down = -(-page.width // width), -(-page.height // height)
    if across * width * down * height > max(2 * page.width * page.height, 2**22):
        raise ImageTooLarge(
            f"The tiles of the TIFF have {width}x{height} pixels, far more than its image of "
            f"{page.width}x{page.height}. Save it with smaller tiles."
        )
    stored = across * width * down * height * page.samples * -(-page.bits // 8)
    if stored > 8 * max_pixels:
        raise ImageTooLarge(
            f"The image takes {stored:,} bytes when it is decoded; at most {8 * max_pixels:,} are "
            "accepted. Scale it down, or save it with fewer channels or bits."
        )
    count = across * down * (page.samples if page.is_planar else 1)
    offsets = directory.integers(324 if is_tiled and 324 in directory else 273).astype(np.int64)
    lengths = directory.integers(325 if is_tiled and 325 in directory else 279).astype(np.int64)
    if not lengths.size and offsets.size == 1 and page.compression == NONE:
        lengths = np.array([stored], np.int64)
    if offsets.size < count or lengths.size < count:
        raise ImageUnreadable(
            f"The TIFF needs {count:,} strips or tiles, but names fewer. The file is damaged: "
            "copy it again."
        )
    offsets, lengths = offsets[:count], lengths[:count]
    if missing := int((lengths == 0).sum()):
        # Decoders make them black.
        raise ImageUnreadable(
            f"The TIFF has no data for {missing:,} of its {count:,} strips or tiles: it was not "
            "written to its end. Save it again."
        )
    beyond = (offsets < 0) | (lengths < 0) | (lengths > file.size) | (offsets > file.size - lengths)
    if beyond.any():
        first = int(np.argmax(beyond))
        file.check(int(offsets[first]), int(lengths[first]), f"TIFF's strip or tile {first}")
    if page.compression in (JPEG, WEBP):
        _check_embedded(file, page, (width, height), offsets, lengths)


def _check_embedded(
    file: FileBytes,
    page: TiffPage,
    segment: tuple[int, int],
    offsets: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> None:
    """Check that the image inside of each strip or tile is not larger than it."""
    facts_in = jpeg_facts if page.compression == JPEG else webp_facts
    for offset, length in zip(offsets.tolist(), lengths.tolist(), strict=True):
        embedded = file.peek(offset, length)
        if page.compression == JPEG and _JPEG_END not in embedded[-_PADDING:]:
            # Decoders show grey for what is missing.
            raise ImageUnreadable(
                "A strip or tile of the TIFF holds a JPEG that is cut off. The file is damaged: "
                "copy it again."
            )
        facts = facts_in(FileBytes(embedded))
        height, width = facts.stored_size
        if width > segment[0] + 16 or height > segment[1] + 16:
            raise ImageUnreadable(
                f"A strip or tile of the TIFF holds an image of {width}x{height} pixels, more than "
                f"its own {segment[0]}x{segment[1]}. The file is damaged: copy it again."
            )
