"""Fronts of buildings, drawn flat: walls, windows, doors and shops."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.scenes.painting.canvas import Color
from ml.scenes.painting.lettering import make_name, write
from ml.scenes.painting.texture import brick, plaster
from ml.scenes.style import SHOP_COLORS, Style

Image = NDArray[np.uint8]


def draw_wall(
    style: Style, rng: np.random.Generator, length: float, height: float, ppm: float
) -> Image:
    """The bare wall (h, w, 3), `ppm` pixels per metre."""
    h, w = max(int(height * ppm), 4), max(int(length * ppm), 4)
    make = brick if style.wall == "brick" else plaster
    return make(rng, h, w, ppm, style.color)


def draw_front(
    style: Style, rng: np.random.Generator, length: float, height: float, ppm: float
) -> Image:
    """The front (h, w, 3) of a building with everything on it."""
    image = draw_wall(style, rng, length, height, ppm)
    front = Front(image, ppm, style, rng)
    ground = 3.6 if style.ground == "shop" else style.storey
    bays = max(int(length / style.bay), 1)
    pitch = length / bays
    level = ground
    while level + style.storey <= height + 0.3:
        for i in range(bays):
            front.window((i + 0.5) * pitch, level + 0.8, *style.window)
        level += style.storey
    {"shop": front.shops, "house": front.entrance, "office": front.entrance}[style.ground](
        bays, pitch
    )
    front.finish(length, height, ground)
    return front.image


def draw_gable(
    style: Style, rng: np.random.Generator, breadth: float, eaves: float, rise: float, ppm: float
) -> Image:
    """An end wall (h, w, 3) up to the ridge at `rise` metres, with a window here and there."""
    front = Front(draw_wall(style, rng, breadth, rise, ppm), ppm, style, rng)
    for level in np.arange(0.9, eaves - 2.4, style.storey):
        for x in (0.28, 0.72):
            if rng.random() < 0.4:
                front.window(x * breadth, float(level), 0.9, 1.3)
    return front.image


class Front:
    """A wall being furnished; x is metres from its left end, y metres above the ground."""

    def __init__(self, image: Image, ppm: float, style: Style, rng: np.random.Generator) -> None:
        self.image, self.ppm, self.style, self.rng = image, ppm, style, rng

    def box(self, x: float, y: float, width: float, height: float, color: Color) -> None:
        """Fill a rectangle whose lower left corner is x, y."""
        bottom = self.image.shape[0] / self.ppm
        x0, x1 = round(x * self.ppm), round((x + width) * self.ppm)
        y0, y1 = round((bottom - y - height) * self.ppm), round((bottom - y) * self.ppm)
        self.image[max(y0, 0) : max(y1, y0 + 1, 0), max(x0, 0) : max(x1, x0 + 1, 0)] = np.clip(
            color, 0, 255
        )

    def glass(self, x: float, y: float, width: float, height: float, lit: bool) -> None:
        """A pane: dark room below, reflected sky above, sometimes a curtain or a lamp."""
        rng = self.rng
        if lit:
            self.box(x, y, width, height, np.array((244, 208, 138)) * rng.uniform(0.75, 1.0))
            return
        room = np.array((44, 50, 58)) * rng.uniform(0.6, 1.35)
        sky = np.array((118, 134, 150)) * rng.uniform(0.5, 1.15)
        bands = 6 if self.ppm > 14 else 2
        for i in range(bands):
            t = (i / (bands - 1)) ** 1.5
            self.box(
                x, y + height * i / bands, width, height / bands + 0.02, room + t * (sky - room)
            )
        if rng.random() < 0.35:
            curtain = np.array((196, 192, 182)) * rng.uniform(0.7, 1.05)
            if rng.random() < 0.5:
                drawn = height * rng.uniform(0.2, 0.6)
                self.box(x, y + height - drawn, width, drawn, curtain)
            else:
                self.box(x, y, width * 0.16, height, curtain * 0.9)
                self.box(x + width * 0.84, y, width * 0.16, height, curtain * 0.9)

    def window(self, middle: float, y: float, width: float, height: float) -> None:
        """A window with reveal, frame, panes and sill."""
        trim, x = np.array(self.style.trim, float), middle - width / 2
        if self.style.wall != "concrete":
            self.box(x - 0.1, y + height, width + 0.2, 0.2, np.array(self.style.color) * 0.8 + 34)
        self.box(x - 0.06, y - 0.04, width + 0.12, height + 0.06, np.array(self.style.color) * 0.62)
        self.box(x, y, width, height, trim)
        self.box(x, y + height - 0.1, width, 0.1, trim * 0.55)
        columns, rows = self.style.panes if self.ppm > 10 else (1, 1)
        lit = bool(self.rng.random() < self.style.lit)
        w, h = width / columns, (height - 0.08) / rows
        for i in range(columns):
            for j in range(rows):
                self.glass(x + i * w + 0.05, y + j * h + 0.05, w - 0.08, h - 0.08, lit)
        self.box(x - 0.1, y - 0.12, width + 0.2, 0.1, np.array(self.style.color) * 0.55 + 92)
        self.box(x - 0.06, y - 0.2, width + 0.12, 0.08, np.array(self.style.color) * 0.66)

    def door(self, middle: float, width: float = 1.0) -> None:
        """A door with its frame, panel, fanlight and step."""
        color = np.array(SHOP_COLORS[self.rng.integers(len(SHOP_COLORS))], float)
        x = middle - width / 2
        self.box(x - 0.14, 0, width + 0.28, 2.75, self.style.trim)
        self.box(x, 0.1, width, 2.5, color)
        self.glass(x + 0.1, 2.2, width - 0.2, 0.34, False)
        for y in (0.3, 1.25):
            self.box(x + 0.14, y, width - 0.28, 0.75, color * 0.78)
        self.box(x - 0.2, 0, width + 0.4, 0.12, (150, 146, 140))

    def entrance(self, bays: int, pitch: float) -> None:
        """A ground floor with windows and one door."""
        place = int(self.rng.integers(bays))
        for i in range(bays):
            if i == place:
                self.door((i + 0.5) * pitch)
            else:
                self.window((i + 0.5) * pitch, 0.9, self.style.window[0], self.style.window[1])

    def shops(self, bays: int, pitch: float) -> None:
        """A ground floor of one shop or more: glass, pilasters, fascia with a name, awning."""
        at = 0
        while at < bays:
            count = min(int(self.rng.integers(2, 4)), bays - at)
            self.shop(at * pitch, count * pitch)
            at += count

    def shop(self, x: float, width: float) -> None:
        """One shop front."""
        rng = self.rng
        color = np.array(SHOP_COLORS[rng.integers(len(SHOP_COLORS))], float) * rng.uniform(
            0.8, 1.15
        )
        self.box(x, 0, width, 3.5, color * 0.85)
        panes = max(round(width / 1.5), 1)
        door = int(rng.integers(panes))
        step = (width - 0.5) / panes
        for i in range(panes):
            low = 0.12 if i == door else 0.6
            left = x + 0.25 + i * step + 0.05
            self.glass(left, low, step - 0.1, 2.55 - low, False)
            if i != door:
                self._wares(left, low, step - 0.1)
        self.box(x, 2.55, width, 0.08, color * 0.5)
        self.box(x + 0.06, 2.72, width - 0.12, 0.66, color)
        self.box(x, 3.38, width, 0.1, np.minimum(color * 1.3 + 20, 255))
        ink = (238, 232, 214) if color.mean() < 130 else (40, 36, 38)
        bottom = self.image.shape[0] / self.ppm
        write(self.image, make_name(rng), (x + 0.3) * self.ppm, (bottom - 3.32) * self.ppm,
              (width - 0.6) * self.ppm, 0.5 * self.ppm, ink)  # fmt: skip
        if rng.random() < 0.22:
            self._awning(x, width)

    def _wares(self, x: float, y: float, width: float) -> None:
        for _ in range(self.rng.integers(2, 6)):
            w, h = self.rng.uniform(0.12, 0.4), self.rng.uniform(0.15, 0.75)
            color = self.rng.uniform(40, 220, 3) * 0.7 + 20
            left = x + self.rng.uniform(0.02, max(width - w, 0.03))
            self.box(left, y + self.rng.uniform(0, 0.5), w, h, color)

    def _awning(self, x: float, width: float) -> None:
        stripes = max(int(width / 0.3), 2)
        first = np.array(SHOP_COLORS[self.rng.integers(len(SHOP_COLORS))], float)
        for i in range(stripes):
            tone = first if i % 2 else np.array((232, 228, 216))
            left, step = x + i * width / stripes, width / stripes
            self.box(left, 2.15, step, 0.5, tone)
            self.box(left, 2.0, step, 0.16, tone * 0.72)

    def finish(self, length: float, height: float, ground: float) -> None:
        """Cornice, string course, plinth, drainpipe, and grime where rain splashes."""
        color = np.array(self.style.color, float)
        self.box(0, height - 0.35, length, 0.35, color * 0.4 + 116)
        self.box(0, height - 0.45, length, 0.1, color * 0.58)
        if self.style.ground != "house":
            self.box(0, ground, length, 0.16, color * 0.5 + 88)
        else:
            self.box(0, 0, length, 0.3, color * 0.6)
        if self.rng.random() < 0.6:
            self.box(length - 0.22, 0, 0.1, height - 0.4, color * 0.35 + 20)
        rows = self.image.shape[0]
        y = np.arange(rows, dtype=np.float32)[::-1] / self.ppm
        dim = 1 - 0.22 * np.exp(-y / 0.7) - 0.10 * np.exp(-(height - y) / 0.5)
        self.image[:] = self.image * dim[:, None, None]
        soft = cv2.GaussianBlur(self.image, (3, 3), 0)
        self.image[:] = soft if self.ppm > 30 else self.image
