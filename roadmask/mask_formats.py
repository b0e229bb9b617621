"""The forms in which a mask can be had as a file."""

from __future__ import annotations

from typing import Literal, get_args

MaskFormat = Literal["png", "color", "overlay"]
"""`png`: category indices with a palette; `color`: RGB; `overlay`: colours over the photo."""
MASK_FORMATS: tuple[str, ...] = get_args(MaskFormat)
