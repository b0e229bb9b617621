"""Masks: the canonical indexed PNG, and pictures for the eye. Other forms: `roadmask.formats`.

A mask is uint8 of shape (H, W) with category indices. Its canonical form is a PNG of colour type 3
(W3C PNG, third edition, 11.2) whose palette shows each category in its colour, so that it looks
right in every viewer and reads back as plain indices.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roadmask.categories import CITYSCAPES, Taxonomy
from roadmask.errors import InvalidRequest
from roadmask.indexed_png import indexed_png


def encode_mask(mask: NDArray[np.uint8], taxonomy: Taxonomy = CITYSCAPES) -> bytes:
    """The canonical PNG of a mask, uint8 (H, W). The same mask gives the same bytes.

    Raises `InvalidRequest` when it isn't such an array or holds an index beyond the taxonomy.
    """
    if mask.ndim != 2 or mask.dtype != np.uint8 or mask.size == 0:
        raise InvalidRequest(
            f"A mask is uint8 of shape (H, W); this is {mask.dtype} of shape {mask.shape}."
        )
    if mask.max() >= len(taxonomy):
        raise InvalidRequest(
            f"The mask holds index {mask.max()}, but {taxonomy.name} ends at {len(taxonomy) - 1}."
        )
    return indexed_png(mask, taxonomy.palette[: len(taxonomy)])


def encode_grey(values: NDArray[np.uint8]) -> bytes:
    """A grey 8-bit PNG of values that are no categories, uint8 (H, W); `decode_mask` reads it."""
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def decode_mask(data: bytes) -> NDArray[np.uint8]:
    """The indices of an indexed or grey PNG, uint8 (H, W). Raises `InvalidRequest`."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            if picture.mode not in ("P", "L"):
                raise InvalidRequest(
                    f"A mask is an indexed or 8-bit grey PNG; this one has mode {picture.mode}."
                )
            return np.array(picture, np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        raise InvalidRequest("These bytes are not a PNG mask; they may be truncated.") from error


def colorize(mask: NDArray[np.uint8], taxonomy: Taxonomy = CITYSCAPES) -> NDArray[np.uint8]:
    """The mask in its palette's colours: RGB uint8 (H, W, 3)."""
    return taxonomy.palette[mask]


def overlay(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    alpha: float = 0.5,
    taxonomy: Taxonomy = CITYSCAPES,
) -> NDArray[np.uint8]:
    """The coloured mask over the RGB image, both (H, W); `alpha` is the mask's weight.

    Void pixels keep the image as it is. Raises `InvalidRequest` when the sizes differ.
    """
    if image.shape[:2] != mask.shape:
        raise InvalidRequest(f"The image is {image.shape[:2]} but its mask {mask.shape}.")
    weight = np.where(mask == taxonomy.void, 0.0, alpha).astype(np.float32)[..., None]
    mixed = image * (1 - weight) + colorize(mask, taxonomy) * weight
    return np.rint(mixed).astype(np.uint8)


def shares(mask: NDArray[np.uint8], taxonomy: Taxonomy = CITYSCAPES) -> dict[str, float]:
    """Share of the pixels that each category has, 0 to 1."""
    # Masks are long runs of one category: their lengths are counted, and not every pixel.
    pixels = mask.ravel()
    ends = np.append(np.flatnonzero(pixels[1:] != pixels[:-1]), mask.size - 1)
    lengths = np.diff(ends, prepend=-1)
    counts = np.bincount(pixels[ends], lengths, len(taxonomy)).tolist()
    return {name: count / mask.size for name, count in zip(taxonomy.names, counts, strict=True)}
