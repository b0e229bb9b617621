"""The mask codec: the canonical indexed PNG, and pictures for people.

A mask is uint8 of shape (H, W) with category indices. Its canonical format is a PNG of colour type
3 (W3C PNG, third edition, 11.2) with the colours of the categories as its palette: viewers show the
colours, and decoders return the indices.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roadmask.errors import ImageTooLarge, InvalidRequest, ItemError
from roadmask.images.raw_mode import grey_factor
from roadmask.images.sniffing import MAX_SIDE, sniff
from roadmask.masks.indexed_png import as_grey_png, grey_png, indexed_png, read_flat_png
from roadmask.masks.taxonomy import CITYSCAPES, Taxonomy

MAX_PIXELS = MAX_SIDE**2
"""Largest mask decoded: that of the largest image."""


def encode_mask(mask: NDArray[np.uint8], taxonomy: Taxonomy = CITYSCAPES) -> bytes:
    """The canonical PNG of a mask, uint8 (H, W). The same mask gives the same bytes.

    Raises `InvalidRequest` for another array, or an index beyond the taxonomy.
    """
    if mask.ndim != 2 or mask.dtype != np.uint8 or mask.size == 0:
        raise InvalidRequest(
            f"A mask is uint8 of shape (H, W); this array is {mask.dtype} of shape {mask.shape}."
        )
    if mask.max() >= len(taxonomy):
        raise InvalidRequest(
            f"The mask contains index {mask.max()}, but the last one of {taxonomy.name} is "
            f"{len(taxonomy) - 1}."
        )
    return indexed_png(mask, taxonomy.palette[: len(taxonomy)])


def encode_grey(values: NDArray[np.uint8]) -> bytes:
    """A grey 8-bit PNG of values that vary smoothly, uint8 (H, W); `decode_mask` reads it."""
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def index_png(mask_png: bytes) -> bytes:
    """The indices of a mask's PNG as a grey 8-bit PNG. Raises `InvalidRequest` for no mask."""
    return as_grey_png(mask_png) or grey_png(decode_mask(mask_png))


def decode_mask(data: bytes) -> NDArray[np.uint8]:
    """The indices of an indexed or grey PNG, uint8 (H, W). Raises `InvalidRequest`."""
    if (values := read_flat_png(data, MAX_PIXELS)) is not None:
        return values
    try:
        sniff(data, MAX_PIXELS)
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            if picture.mode not in ("P", "L"):
                raise InvalidRequest(
                    f"A mask is an indexed or 8-bit grey PNG; this PNG has mode {picture.mode}."
                )
            factor = grey_factor(picture)
            return np.array(picture, np.uint8) // np.uint8(factor)
    except ImageTooLarge as error:
        raise InvalidRequest(f"The mask is too large. {error.detail}") from error
    except ItemError as error:
        raise InvalidRequest(f"The mask is not a PNG, or it is damaged. {error.detail}") from error
    except Image.DecompressionBombError:
        raise InvalidRequest(
            f"The mask has more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels, and is not in "
            "the form in which the service writes masks. Scale it down."
        ) from None
    except (OSError, ValueError, SyntaxError) as error:
        raise InvalidRequest("The mask is not a PNG, or it is truncated.") from error


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

    Void pixels show the image alone. Raises `InvalidRequest` when the sizes differ.
    """
    if image.shape[:2] != mask.shape:
        raise InvalidRequest(f"The image has shape {image.shape[:2]}, but its mask {mask.shape}.")
    weight = np.where(mask == taxonomy.void, 0.0, alpha).astype(np.float32)[..., None]
    mixed = image * (1 - weight) + colorize(mask, taxonomy) * weight
    return np.rint(mixed).astype(np.uint8)


def shares(mask: NDArray[np.uint8], taxonomy: Taxonomy = CITYSCAPES) -> dict[str, float]:
    """Each category's share of the pixels, 0 to 1."""
    # Masks are long runs of one category: adding up their lengths beats counting pixels.
    pixels = mask.ravel()
    ends = np.append(np.flatnonzero(pixels[1:] != pixels[:-1]), mask.size - 1)
    lengths = np.diff(ends, prepend=-1)
    counts = np.bincount(pixels[ends], lengths, len(taxonomy)).tolist()
    return {name: count / mask.size for name, count in zip(taxonomy.names, counts, strict=True)}
