"""Masks: the canonical indexed PNG, and the forms that are derived from it.

A mask is uint8 of shape (H, W) with category indices. Its canonical form is a PNG of colour type 3
(W3C PNG, third edition, 11.2) whose palette shows each category in its colour, so that it looks
right in every viewer and reads back as plain indices.
"""

from __future__ import annotations

import io
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roadmask.categories import CITYSCAPES, Taxonomy
from roadmask.errors import InvalidRequest

COMPRESS_LEVEL = 1
"""zlib's quickest level: masks are flat, so higher levels cost time and save little."""


class Rle(TypedDict):
    """COCO run-length encoding of one category's pixels."""

    category: str
    size: list[int]
    """Height, width."""
    counts: str
    """Compressed run lengths in column-major order, as pycocotools writes them."""


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
    picture = Image.fromarray(np.ascontiguousarray(mask)).convert("L")
    picture.putpalette(taxonomy.palette[: len(taxonomy)].tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=COMPRESS_LEVEL, bits=8)
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
    counts = np.bincount(mask.ravel(), minlength=len(taxonomy))
    return {name: float(counts[i] / mask.size) for i, name in enumerate(taxonomy.names)}


def encode_rle(mask: NDArray[np.uint8], taxonomy: Taxonomy = CITYSCAPES) -> list[Rle]:
    """COCO run-length encodings, one for each category that the mask holds."""
    columns = mask.ravel(order="F")
    size = [int(side) for side in mask.shape]
    return [
        Rle(category=taxonomy.names[index], size=size, counts=_compress(_runs(columns == index)))
        for index in np.unique(mask).tolist()
    ]


def _runs(pixels: NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of equal values, the first being of False (0 when it starts True)."""
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    edges = np.concatenate(([0], changes, [pixels.size]))
    lengths: list[int] = np.diff(edges).tolist()
    return [0, *lengths] if pixels[0] else lengths


def _compress(runs: list[int]) -> str:
    """COCO's text form of run lengths.

    From the third run on the difference to the run two before is written, in groups of five bits
    with a continuation bit, least significant first, shifted by 48 into printable ASCII
    (described with COCO's mask API, Lin et al., ECCV 2014).
    """
    text = bytearray()
    for position, run in enumerate(runs):
        value = run - runs[position - 2] if position > 2 else run
        while True:
            group = value & 0x1F
            value >>= 5
            done = value == (-1 if group & 0x10 else 0)
            text.append((group if done else group | 0x20) + 48)
            if done:
                break
    return text.decode("ascii")
