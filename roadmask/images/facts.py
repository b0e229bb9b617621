"""What the header of an image file says, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TRANSPOSED = frozenset({5, 6, 7, 8})
"""EXIF orientations that exchange width and height."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image's header says. Width and height are those after the orientation."""

    format: str
    width: int
    height: int
    channels: int
    bit_depth: int
    """Bits per stored sample, rounded up to 8 or a multiple of it."""
    orientation: int = 1
    """EXIF orientation, 1 to 8, of the stored pixels."""
    significant_bits: int | None = None
    """Bits that the camera used of each sample, where the file says so."""
    icc_profile: bytes = field(default=b"", repr=False)
    is_linear: bool = False
    """Whether the file says that its samples are proportional to light."""
    stated_colors: str = ""
    """Colours that the file states and that are not applied, for people."""
    hdr_curve: str = ""
    """The curve of high dynamic range that the samples have by the file, PQ or HLG."""
    stated_range: tuple[float, float] | None = None
    """The smallest and the largest sample, where the file of floating-point samples says so."""
    cfa: str = ""
    """Colours of 2x2 sensor pixels, such as RGGB, where the file says that it has raw data."""
    zero_is_white: bool = False
    """Whether the darkest samples are the largest, in TIFF."""
    is_lossy: bool = False
    """Whether the pixels were compressed so that their values changed."""
    needs_sandbox: bool = False
    """Whether the header does not bound the memory that the decoder takes."""

    @property
    def decoding_bytes(self) -> int:
        """Memory that the pixels justify while they are decoded: 8 bytes for each, more for those
        of many channels and bits.
        """
        stored = self.channels * self.bit_depth // 8
        return self.width * self.height * max(8, 2 * stored)

    @property
    def stored_size(self) -> tuple[int, int]:
        """(height, width) of the pixels as they are stored."""
        if self.orientation in TRANSPOSED:
            return self.width, self.height
        return self.height, self.width


def facts_of(
    format: str, stored: tuple[int, int], channels: int, bit_depth: int, **more: Any
) -> ImageFacts:
    """The facts of an image whose stored size is (width, height)."""
    turned = more.get("orientation", 1) in TRANSPOSED
    width, height = reversed(stored) if turned else stored
    return ImageFacts(format, width, height, channels, bit_depth, **more)
