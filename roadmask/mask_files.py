"""Masks as files: their names in a tree, their forms, and writing that is never half done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from uuid import uuid4

from roadmask.errors import InvalidRequest
from roadmask.formats.masked_image import MaskedImage
from roadmask.formats.render import render
from roadmask.mask_formats import FILE_FORMATS, MaskFormat
from roadmask.masks import decode_mask, overlay
from roadmask.pixels import decode, encode_png

MAX_PIXELS = 2**28
"""Largest photo drawn below an overlay; the service has decoded it before, within its own limit."""


def mask_names(images: Sequence[str], form: MaskFormat = MaskFormat.PNG) -> dict[str, str]:
    """A mask's name for each image's: `a/x.jpg` to `a/x.png`, or with the suffix of another form.

    Where two images would share a mask (`x.jpg`, `x.tif`), both keep their suffix: `x.jpg.png`. So
    does an image that is called like the mask of another (`x.jpg.png`).
    """
    # The photo is at hand here, so that an overlay need not lose anything to JPEG.
    suffix = ".png" if form is MaskFormat.OVERLAY else form.suffix
    taken, stems = set(images), Counter(str(PurePosixPath(n).with_suffix("")) for n in images)

    def name(image: str) -> str:
        stem = str(PurePosixPath(image).with_suffix(""))
        return f"{image if stems[stem] > 1 or stem in taken else stem}{suffix}"

    return {image: name(image) for image in images}


def file_format(name: str) -> MaskFormat:
    """The form of this name, when it is one for files. Raises `InvalidRequest`."""
    if name not in FILE_FORMATS:
        raise InvalidRequest(
            f"Masks are not written as {name!r}; choose from {', '.join(FILE_FORMATS)}. "
            "The service gives the other forms of a mask, and those of a whole job."
        )
    return MaskFormat(name)


def confidence_name(mask_name: str) -> str:
    """The name of a mask's confidence, a PNG whatever the mask's form."""
    return str(PurePosixPath(mask_name).with_suffix(".png"))


def mask_file(
    mask_png: bytes, photo: Path, form: MaskFormat, confidence_png: bytes | None = None
) -> bytes:
    """The mask in one of `FILE_FORMATS`; of these only `NPZ` takes the confidence in.

    Raises `OSError` when the photo below an overlay cannot be read.
    """
    if form is MaskFormat.PNG:
        return mask_png
    mask = decode_mask(mask_png)
    if form is MaskFormat.OVERLAY:
        return encode_png(overlay(decode(photo.read_bytes(), MAX_PIXELS), mask))
    sure = None if confidence_png is None else decode_mask(confidence_png)
    return render(MaskedImage(mask, image_id=photo.name, confidence=sure), form)


def write_whole(path: Path, blocks: Iterable[bytes]) -> None:
    """Write a file so that there is the old one or the whole new one, even if we are killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not with the file's own name in it, which may be as long as a name can be.
    part = path.with_name(f".{uuid4().hex}.part")
    try:
        with part.open("wb") as file:
            file.writelines(blocks)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
