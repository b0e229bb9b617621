"""BMP: its header, palette and masks, of Windows and of OS/2."""

from __future__ import annotations

from dataclasses import dataclass

from roadmask.errors import ImageUnreadable, UnsupportedFormat
from roadmask.images.containers.file_bytes import FileBytes
from roadmask.images.facts import ImageFacts, facts_of

RGB, RLE8, RLE4, BITFIELDS, ALPHA_BITFIELDS = 0, 1, 2, 3, 6
_CODINGS = {4: "JPEG", 5: "PNG"}
_DEFAULT_MASKS = {16: (0x7C00, 0x3E0, 0x1F), 32: (0xFF0000, 0xFF00, 0xFF)}
_FILE_HEADER = 14


@dataclass(frozen=True, slots=True)
class BmpHeader:
    """Where and how the pixels of a BMP are stored."""

    width: int
    height: int
    is_top_down: bool
    bits: int
    """Of a pixel: 1, 2, 4, 8, 16, 24 or 32."""
    compression: int
    pixels_at: int
    palette_at: int
    palette_colors: int
    color_bytes: int
    """Bytes of a colour of the palette."""
    masks: tuple[int, ...]
    """Bits of red, green and blue in a pixel of 16 or 32 bits."""

    @property
    def stride(self) -> int:
        """Bytes of a row that is not compressed."""
        return (self.width * self.bits + 31) // 32 * 4


def bmp_facts(file: FileBytes) -> ImageFacts:
    """The facts of a BMP. Raises `ImageUnreadable` and `UnsupportedFormat`."""
    header = bmp_header(file)
    return facts_of("bmp", (header.width, header.height), 3, 8)


def bmp_header(file: FileBytes) -> BmpHeader:
    """The header of a BMP. Raises `ImageUnreadable` and `UnsupportedFormat`."""

    def number(offset: int, length: int) -> int:
        return file.number(offset, length, "little", "BMP header")

    size = number(_FILE_HEADER, 4)
    is_core = size == 12
    if not is_core and not 16 <= size <= 124:
        raise ImageUnreadable(f"The BMP's header has an impossible size, {size}.")
    if is_core:
        width, height, bits = number(18, 2), number(20, 2), number(24, 2)
        compression = colors = 0
    else:
        width, height, bits = number(18, 4), number(22, 4), number(28, 2)
        compression = number(30, 4) if size >= 20 else 0
        colors = number(46, 4) if size >= 36 else 0
    is_top_down = height >= 2**31
    height = 2**32 - height if is_top_down else height
    is_os2 = size in (16, 64)
    _check_coding(bits, compression, is_os2=is_os2)
    if not 0 < width < 2**31 or not height:
        raise ImageUnreadable("The BMP's header has impossible values. Copy the file again.")
    has_masks = compression in (BITFIELDS, ALPHA_BITFIELDS)
    masks: tuple[int, ...] = _DEFAULT_MASKS.get(bits, ())
    if has_masks:
        masks = tuple(number(54 + 4 * index, 4) for index in range(3))
    # Of the shortest header the masks come after it, before the palette.
    behind = {BITFIELDS: 12, ALPHA_BITFIELDS: 16}.get(compression, 0) if size == 40 else 0
    palette_at = _FILE_HEADER + size + behind
    pixels_at = number(10, 4) or palette_at
    color_bytes = 3 if is_core else 4
    if bits <= 8 and pixels_at <= palette_at:
        # Some writers forget the palette when they say where the pixels begin.
        pixels_at = palette_at + color_bytes * (colors or 2**bits)
    room = max(0, min(pixels_at, file.size) - palette_at) // color_bytes
    header = BmpHeader(
        width=width,
        height=height,
        is_top_down=is_top_down,
        bits=bits,
        compression=compression,
        pixels_at=pixels_at,
        palette_at=palette_at,
        palette_colors=min(colors or 2**bits, 2**bits, room) if bits <= 8 else 0,
        color_bytes=color_bytes,
        masks=masks,
    )
    if bits <= 8 and not header.palette_colors:
        raise ImageUnreadable("The BMP has no palette. The file is damaged: copy it again.")
    if compression in (RLE8, RLE4):
        file.check(pixels_at, 2, "BMP's pixels")
    else:
        rest = (width * bits + 7) // 8
        file.check(pixels_at, header.stride * (height - 1) + rest, "BMP's pixels")
    return header


def _check_coding(bits: int, compression: int, *, is_os2: bool) -> None:
    name = _CODINGS.get(compression, "")
    if is_os2 and compression in (3, 4):
        name = "OS/2's Huffman or RLE24"
    if name:
        raise UnsupportedFormat(
            f"The pixels of the BMP are stored as {name}, which is not supported. "
            "Save the image as PNG."
        )
    possible = {
        RGB: (1, 2, 4, 8, 16, 24, 32),
        RLE8: (8,),
        RLE4: (4,),
        BITFIELDS: (16, 32),
        ALPHA_BITFIELDS: (16, 32),
    }
    if bits not in possible.get(compression, ()):
        raise UnsupportedFormat(
            f"The BMP has {bits} bits for each pixel in compression {compression}, which is not "
            "supported. Save the image as PNG."
        )
