"""Names on shops and signs, made up from syllables."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.scenes.painting.canvas import Color

_FIRST = ("Bar", "Mel", "Cor", "Hol", "Tav", "Lin", "Ren", "Sol", "Mar", "Dal", "Fen", "Wil")
_LAST = ("ton", "ley", "den", "ani", "berg", "elle", "ford", "ano", "ner", "wick", "osa", "in")
_TRADE = ("", "", " & Co", " Books", " Bakery", " Cafe", " Shoes", " Optics", " Market", " Bar")


def make_name(rng: np.random.Generator) -> str:
    """The name of a shop."""
    name = _FIRST[rng.integers(len(_FIRST))] + _LAST[rng.integers(len(_LAST))]
    name += _TRADE[rng.integers(len(_TRADE))]
    return name.upper() if rng.random() < 0.4 else name


def write(
    image: NDArray[np.uint8],
    text: str,
    x: float,
    y: float,
    width: float,
    height: float,
    color: Color,
) -> None:
    """Write into the middle of the box (x, y, width, height), pixels; none if it is too small."""
    if height < 4 or width < 6:
        return
    font = cv2.FONT_HERSHEY_DUPLEX
    (w, h), _ = cv2.getTextSize(text, font, 1.0, 1)
    scale = min(0.8 * height / h, width / w)
    thick = max(round(scale * 1.8), 1)
    left = round(x + (width - w * scale) / 2)
    base = round(y + (height + h * scale) / 2)
    ink = tuple(float(c) for c in color)
    cv2.putText(image, text, (left, base), font, scale, ink, thick, cv2.LINE_AA)
