"""Mask files: their content in each format, and the confidence image beside each."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

from roadmask.atomic import write_atomically
from roadmask.errors import ImageUnreadable, ItemError, MaskNotWritten
from roadmask.folder.output_names import confidence_name
from roadmask.images.containers.file_bytes import open_bytes
from roadmask.images.containers.png import png_palette
from roadmask.images.decoding import decode, encode_png
from roadmask.masks.codec import decode_mask, index_png, overlay
from roadmask.masks.formats.masked_image import MaskedImage
from roadmask.masks.formats.render import render
from roadmask.masks.taxonomy import CITYSCAPES
from roadmask.schemas.mask_formats import MaskFormat
from roadmask.schemas.pixels import AS_STORED, Pixels

MAX_PIXELS = 2**28
"""Largest photo that is decoded here. The service has its own, usually lower limit."""
PLACE_ERRORS = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EILSEQ,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
        errno.EPERM,
    }
)
"""Errors that concern one file's name or path. Others, such as a full disk, concern every file."""


@dataclass(frozen=True, slots=True)
class MaskWriter:
    """Writes masks in one of `FILE_FORMATS` below `out`, each file whole or not at all."""

    out: Path
    format: MaskFormat
    confidence: Path | None
    """Folder of the confidence images; None for no such images."""
    pixels: Pixels = AS_STORED
    """How the photos below overlays are read."""

    def write(self, name: str, photo: Path, mask_png: bytes, confidence_png: bytes | None) -> Path:
        """Write the mask of a photo, and its confidence if given; returns the mask's path.

        Raises `MaskNotWritten`, `OSError`, and `ImageUnreadable` like `convert_mask`.
        """
        if self.confidence is not None and confidence_png is not None:
            write_mask_file(self.confidence / confidence_name(name), confidence_png)
        path = self.out / name
        mask = convert_mask(mask_png, photo, self.format, confidence_png, self.pixels)
        write_mask_file(path, mask)
        return path


def write_mask_file(path: Path, content: bytes) -> None:
    """Write a mask or a confidence image.

    Raises `MaskNotWritten` for an impossible name or path, and `OSError` if no file can be written.
    """
    try:
        write_atomically(path, [content])
    except OSError as error:
        if error.errno not in PLACE_ERRORS:
            raise
        raise MaskNotWritten(
            f"{error.filename or path} cannot be written: {error.strerror}. Rename the image, or "
            "move away what has the name of its mask, and run the same command again."
        ) from error


def has_our_palette(file: Path) -> bool:
    """Whether a file is an indexed PNG with the palette of masks.

    So a mask of an earlier version or of another machine is recognised without a record.
    """
    if file.suffix != MaskFormat.PNG.suffix:
        return False
    try:
        # Not with Pillow, which refuses a large image at its header.
        with open_bytes(file) as content:
            palette = png_palette(content)
    except (OSError, ValueError, ItemError):
        return False
    return palette.startswith(CITYSCAPES.palette[: len(CITYSCAPES)].tobytes())


def convert_mask(
    mask_png: bytes,
    photo: Path,
    format: MaskFormat,
    confidence_png: bytes | None = None,
    pixels: Pixels = AS_STORED,
) -> bytes:
    """Convert a mask to one of `FILE_FORMATS`.

    Only `NPZ` contains the confidence. `pixels` says how the photo below an overlay is read. Raises
    `ImageUnreadable` if that photo cannot be read.
    """
    if format is MaskFormat.PNG:
        return mask_png
    if format is MaskFormat.INDEX:
        return index_png(mask_png)
    mask = decode_mask(mask_png)
    if format is MaskFormat.OVERLAY:
        return encode_png(overlay(decode(_read(photo), MAX_PIXELS, pixels=pixels), mask))
    confidence = None if confidence_png is None else decode_mask(confidence_png)
    return render(MaskedImage(mask, image_id=photo.name, confidence=confidence), format)


def _read(photo: Path) -> bytes:
    try:
        return photo.read_bytes()
    except OSError as error:
        raise ImageUnreadable(f"The file cannot be read: {error.strerror}.") from error
