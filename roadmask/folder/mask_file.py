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
"""Largest photo decoded here. The service has decoded it before, within a limit of its own."""
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
"""Errors of one file's name or place. All others, such as a full disk, are those of every file."""


@dataclass(frozen=True, slots=True)
class MaskWriter:
    """Writes masks in one of `FILE_FORMATS` below `out`, each file whole or not at all."""

    out: Path
    format: MaskFormat
    confidence: Path | None
    """Folder of the confidence images, if they are wanted."""
    pixels: Pixels = AS_STORED
    """What the samples of the photos mean, below overlays."""

    def write(self, name: str, photo: Path, mask_png: bytes, confidence_png: bytes | None) -> Path:
        """Write the mask of a photo, and its confidence if given; returns the mask's path.

        Raises `MaskNotWritten`, `ImageUnreadable` as `convert_mask`, and `OSError`.
        """
        if self.confidence is not None and confidence_png is not None:
            write_mask_file(self.confidence / confidence_name(name), confidence_png)
        path = self.out / name
        mask = convert_mask(mask_png, photo, self.format, confidence_png, self.pixels)
        write_mask_file(path, mask)
        return path


def write_mask_file(path: Path, content: bytes) -> None:
    """Write a file of a mask. Raises `MaskNotWritten` when its name or its place is not possible,
    and `OSError` when no file can be written."""
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
    """Whether a file is an indexed PNG with the palette of masks: such a mask is known without a
    record, as of an earlier revision or of another machine."""
    if file.suffix != MaskFormat.PNG.suffix:
        return False
    try:
        # Pillow refuses the header alone of a large image.
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
    """The mask in one of `FILE_FORMATS`. The confidence goes into `NPZ` alone, and `pixels` says
    how the photo below an overlay is read.

    Raises `ImageUnreadable` when the photo below an overlay cannot be read.
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
