"""WebP (RFC 9649): the chunks of its RIFF file."""

from __future__ import annotations

from collections.abc import Iterator

from roadmask.errors import ImageAnimated, ImageUnreadable
from roadmask.images.containers.exif import orientation_of
from roadmask.images.containers.file_bytes import FileBytes
from roadmask.images.facts import ImageFacts, facts_of

MAX_CHUNKS = 100_000
_PIXELS = (b"VP8 ", b"VP8L")
_ANIMATION, _ALPHA = 0x02, 0x10


def webp_facts(file: FileBytes) -> ImageFacts:
    """The facts of a WebP. Raises `ImageUnreadable` and `ImageAnimated`."""
    length = file.number(4, 4, "little", "WebP header")
    file.check(8, length, "WebP")
    chunks: dict[bytes, tuple[int, int]] = {}
    frames = 0
    for kind, start, taken in _chunks(file, 12, min(8 + length, file.size)):
        chunks.setdefault(kind, (start, taken))
        frames += kind == b"ANMF"
    if frames > 1:
        raise ImageAnimated(
            "The WebP is animated: it has more than one frame. Send each one as a separate image."
        )
    if frames:
        # The only frame of an animation has its pixels in chunks of its own, after 16 bytes.
        start, taken = chunks[b"ANMF"]
        for kind, inner, length in _chunks(file, start + 16, start + taken):
            chunks.setdefault(kind, (inner, length))

    def data(kind: bytes) -> bytes:
        return file.read(*chunks[kind], "WebP chunk") if kind in chunks else b""

    if not any(kind in chunks for kind in _PIXELS):
        raise ImageUnreadable("The WebP has no pixels: the file is cut off. Copy it again.")
    size, has_alpha = _frame(file, chunks)
    if b"VP8X" in chunks:
        header = data(b"VP8X")
        if len(header) < 10:
            raise ImageUnreadable("The WebP's header is cut off. Copy the file again.")
        canvas = _number(header, 4) + 1, _number(header, 7) + 1
        has_alpha = has_alpha or bool(header[0] & _ALPHA)
        if not frames and canvas != size:
            raise ImageUnreadable(
                f"The WebP's header says {canvas[0]}x{canvas[1]} pixels, but its image has "
                f"{size[0]}x{size[1]}. The file is damaged: copy it again."
            )
        size = canvas
    return facts_of(
        "webp",
        size,
        4 if has_alpha else 3,
        8,
        orientation=orientation_of(data(b"EXIF"), data(b"XMP ")),
        icc_profile=data(b"ICCP"),
        is_lossy=b"VP8L" not in chunks,
    )


def _frame(file: FileBytes, chunks: dict[bytes, tuple[int, int]]) -> tuple[tuple[int, int], bool]:
    """(width, height) and whether there is alpha, of the only image."""
    if b"VP8L" in chunks:
        head = file.read(chunks[b"VP8L"][0], 5, "WebP image")
        bits = int.from_bytes(head[1:], "little")
        if head[0] != 0x2F:
            raise ImageUnreadable("The WebP's image is damaged. Copy the file again.")
        return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), bool(bits >> 28 & 1)
    head = file.read(chunks[b"VP8 "][0], 10, "WebP image")
    width, height = _number(head, 6, 2) & 0x3FFF, _number(head, 8, 2) & 0x3FFF
    if head[3:6] != b"\x9d\x01\x2a" or not (width and height):
        raise ImageUnreadable("The WebP's image is damaged. Copy the file again.")
    return (width, height), b"ALPH" in chunks


def _chunks(file: FileBytes, offset: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    for _ in range(MAX_CHUNKS):
        if offset + 8 > end:
            return
        kind = file.read(offset, 4, "WebP chunk")
        length = file.number(offset + 4, 4, "little", "WebP chunk")
        file.check(offset + 8, length, "WebP chunk")
        yield kind, offset + 8, length
        # Chunks begin at even places.
        offset += 8 + length + length % 2
    raise ImageUnreadable(f"The WebP has more than {MAX_CHUNKS:,} chunks. Save the image again.")


def _number(data: bytes, offset: int, length: int = 3) -> int:
    return int.from_bytes(data[offset : offset + length], "little")
