"""Names on shops and signs, made up from syllables."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.data.scenes.canvas import Color

_FIRST = ("Bar", "Mel", "Cor", "Hol", "Tav", "Lin", "Ren", "Sol", "Mar", "Dal", "Fen", "Wil")
_LAST = ("ton", "ley", "den", "ani", "berg", "elle", "ford", "ano", "ner", "wick", "osa", "in")
_TRADE = ("", "", " & Co", " Books", " Bakery", " Cafe", " Shoes", " Optics", " Market", " Bar")


def write(
    image: NDArray[np.uint8],
    rng: np.random.Generator,
    x: float,
    y: float,
    width: float,
    height: float,
    color: Color,
) -> None:
    """Write a name into the box (x, y, width, height), pixels; too small a box stays empty."""
    trades = _TRADE[int(rng.integers(len(_TRADE)))]
    name = _FIRST[rng.integers(len(_FIRST))] + _LAST[rng.integers(len(_LAST))] + trades
    if rng.random() < 0.4:
        name = name.upper()
    if height < 4 or width < 12:
        return
    font = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX)[
        rng.integers(3)
    ]
    (w, h), _ = cv2.getTextSize(name, font, 1.0, 1)
    scale = min(0.8 * height / h, width / w)
    thick = max(round(scale * 1.8), 1)
    left = round(x + (width - w * scale) / 2)
    base = round(y + (height + h * scale) / 2)
    ink = tuple(float(c) for c in color)
    cv2.putText(image, name, (left, base), font, scale, ink, thick, cv2.LINE_AA)
