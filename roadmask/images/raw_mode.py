"""Raw mode: how the samples of a picture are stored, before Pillow changes them."""

from __future__ import annotations

from PIL import Image

_FACTORS = {"L;2": 85, "L;4": 17}


def raw_mode(picture: Image.Image) -> str:
    """Pillow's name of the stored samples, such as `RGB;16B`; empty where it has none.

    The pixels must not have been loaded.
    """
    tiles = getattr(picture, "tile", [])
    arguments = tiles[0][3] if tiles else ""
    # Of a TIFF, the decoder has more arguments than the name.
    name = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return name if isinstance(name, str) else ""


def grey_factor(picture: Image.Image) -> int:
    """What Pillow multiplies grey samples by: those of 2 and 4 bits, so that white is 255."""
    return _FACTORS.get(raw_mode(picture)[:3], 1)
