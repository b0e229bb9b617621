"""Corruptions: weather, light, camera and storage artifacts, at two severities.

They measure how robust a model is. Training has its own code for similar conditions
(`ml.data.conditions`), so a model is not measured on the pictures that it was trained on. The
image's name seeds a corruption: every model gets the same pixels.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Severity = Literal["mild", "severe"]
SEVERITIES: tuple[Severity, ...] = ("mild", "severe")
Image = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Pixels = NDArray[np.float32]

VOID = 0
"""Of pixels that a geometric corruption uncovers."""


@dataclass(frozen=True, slots=True)
class Corruption:
    """One corruption: of the image alone, or of image and truth."""

    name: str
    levels: tuple[float, float]
    """What `apply` gets for mild and severe."""
    light: Callable[[Pixels, float, np.random.Generator], Pixels] | None = None
    """From and to RGB 0..255, float32 (H, W, 3)."""
    geometry: Callable[[NDArray[np.uint8], float, bool], NDArray[np.uint8]] | None = None
    """Of an image or, where the flag is set, a mask."""

    def apply(self, image: Image, truth: Mask, severity: Severity, name: str) -> tuple[Image, Mask]:
        """Image uint8 (H, W, 3) and truth uint8 (H, W), corrupted; `name` seeds the noise."""
        level = self.levels[SEVERITIES.index(severity)]
        if self.geometry is not None:
            return self.geometry(image, level, False), self.geometry(truth, level, True)
        assert self.light is not None
        random = np.random.default_rng(zlib.crc32(f"{self.name}/{severity}/{name}".encode()))
        changed = self.light(image.astype(np.float32), level, random)
        return np.clip(np.rint(changed), 0, 255).astype(np.uint8), truth


def _haze(image: Pixels, share: float, _: np.random.Generator) -> Pixels:
    """Haze by Koschmieder's law: the distance grows with the height in the picture, up to the
    middle row.
    """
    rows = np.linspace(0, 1, len(image), dtype=np.float32)
    far = np.clip(2 * (1 - rows), 0.25, 1)[:, None, None]
    mix = 1 - np.power(np.float32(1 - share), far)
    changed: Pixels = image * (1 - mix) + 215 * mix
    return changed


def _rain(image: Pixels, amount: float, random: np.random.Generator) -> Pixels:
    """Slanted streaks before a darker and softer picture."""
    height, width = image.shape[:2]
    drops = np.zeros((height, width), np.float32)
    drops[random.random((height, width)) < 0.004 * amount] = 1
    length = max(5, height // 18)
    streak = np.zeros((length, length), np.float32)
    cv2.line(streak, (length // 3, 0), (2 * length // 3, length - 1), 1.0)
    veil = np.clip(cv2.filter2D(drops, -1, streak), 0, 1)[..., None] * 0.55
    soft = cv2.GaussianBlur(image, (0, 0), 0.6 + 0.4 * amount) * np.float32(1 - 0.12 * amount)
    changed: Pixels = soft * (1 - veil) + 205 * veil
    return changed


def _snow(image: Pixels, amount: float, random: np.random.Generator) -> Pixels:
    """Flakes of several sizes before a brighter and paler picture."""
    height, width = image.shape[:2]
    veil = np.zeros((height, width), np.float32)
    for size in (0.7, 1.3, 2.2):
        flakes = (random.random((height, width)) < 0.003 * amount / size).astype(np.float32)
        blurred = cv2.GaussianBlur(flakes, (0, 0), size)
        veil += blurred * (2 * np.pi * size**2)
    mix = np.clip(veil, 0, 0.9)[..., None]
    pale = image * (1 - 0.12 * amount) + 235 * 0.12 * amount
    changed: Pixels = pale * (1 - mix) + 245 * mix
    return changed


def _darkness(image: Pixels, exposure: float, random: np.random.Generator) -> Pixels:
    """Less light and sensor noise: dusk and night."""
    noise = random.standard_normal(image.shape, np.float32) * np.float32(8 * (1 - exposure))
    return image * np.float32(exposure) + noise


def _overexposure(image: Pixels, gain: float, _: np.random.Generator) -> Pixels:
    return image * np.float32(gain)


def _noise(image: Pixels, sigma: float, random: np.random.Generator) -> Pixels:
    return image + np.float32(sigma) * random.standard_normal(image.shape, np.float32)


def _motion(image: Pixels, length: float, random: np.random.Generator) -> Pixels:
    """Motion blur: a straight movement during the exposure, `length` pixels in any direction."""
    size = int(length)
    angle = random.uniform(0, np.pi)
    kernel = np.zeros((size, size), np.float32)
    reach = (size - 1) / 2
    steps = np.linspace(-reach, reach, 4 * size)
    rows = np.rint(reach + steps * np.sin(angle)).astype(int)
    columns = np.rint(reach + steps * np.cos(angle)).astype(int)
    np.add.at(kernel, (rows, columns), 1.0)
    return _filtered(image, kernel)


def _defocus(image: Pixels, radius: float, _: np.random.Generator) -> Pixels:
    """Defocus: every point becomes a disc."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return _filtered(image, disc)


def _filtered(image: Pixels, kernel: Pixels) -> Pixels:
    """The mean under the kernel. Pixels of the edge are repeated beyond it."""
    whole = kernel / kernel.sum()
    filtered: Pixels = cv2.filter2D(image, -1, whole, borderType=cv2.BORDER_REPLICATE)
    return filtered


def _contrast(image: Pixels, share: float, _: np.random.Generator) -> Pixels:
    middle = image.mean(dtype=np.float64)
    changed: Pixels = (image - np.float32(middle)) * np.float32(share) + np.float32(middle)
    return changed


def _jpeg(image: Pixels, quality: float, _: np.random.Generator) -> Pixels:
    done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    assert done
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB))
    return decoded.astype(np.float32)


def _low_resolution(image: Pixels, share: float, _: np.random.Generator) -> Pixels:
    """Shrunk to a share of its sides and enlarged again. A line of pixels stays as it is."""
    if min(image.shape[:2]) == 1:
        return image
    small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    enlarged: Pixels = cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return enlarged


def _tint(image: Pixels, warmth: float, _: np.random.Generator) -> Pixels:
    """A wrong white balance: more red and less blue, or the other way round."""
    changed: Pixels = image * np.array([1 + warmth, 1, 1 - warmth], np.float32)
    return changed


def _grey(image: Pixels, share: float, _: np.random.Generator) -> Pixels:
    grey = image @ np.array([0.299, 0.587, 0.114], np.float32)
    changed: Pixels = image * (1 - share) + grey[..., None] * share
    return changed


def _barrel(picture: NDArray[np.uint8], strength: float, mask: bool) -> NDArray[np.uint8]:
    """Radial distortion of a wide lens, r' = r (1 + k r^2) with r = 1 at the corners."""
    height, width = picture.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None] / np.sqrt(np.float32(2))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] / np.sqrt(np.float32(2))
    factor = (1 + strength * (x * x + y * y)) / (1 + strength * 0.5)
    columns = (x * factor * np.sqrt(np.float32(2)) + 1) * (width - 1) / 2
    rows = (y * factor * np.sqrt(np.float32(2)) + 1) * (height - 1) / 2
    return _moved(
        lambda how: cv2.remap(
            picture, columns, rows, how, borderMode=cv2.BORDER_CONSTANT, borderValue=VOID
        ),
        mask,
    )


def _roll(picture: NDArray[np.uint8], degrees: float, mask: bool) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return _moved(
        lambda how: cv2.warpAffine(picture, turn, (width, height), flags=how, borderValue=VOID),
        mask,
    )


def _portrait(picture: NDArray[np.uint8], aspect: float, _: bool) -> NDArray[np.uint8]:
    """The middle of the picture, upright: `aspect` is width by height."""
    width = min(picture.shape[1], max(1, round(picture.shape[0] * aspect)))
    start = (picture.shape[1] - width) // 2
    return np.ascontiguousarray(picture[:, start : start + width])


def _moved(move: Callable[[int], NDArray[np.uint8]], mask: bool) -> NDArray[np.uint8]:
    return move(cv2.INTER_NEAREST if mask else cv2.INTER_LINEAR)


_ALL = (
    Corruption("haze", (0.5, 0.75), _haze),
    Corruption("rain", (1.0, 2.5), _rain),
    Corruption("snow", (1.0, 2.5), _snow),
    Corruption("darkness", (0.45, 0.18), _darkness),
    Corruption("overexposure", (1.4, 1.9), _overexposure),
    Corruption("noise", (10.0, 20.0), _noise),
    Corruption("motion_blur", (9, 19), _motion),
    Corruption("defocus", (2.0, 4.0), _defocus),
    Corruption("low_contrast", (0.5, 0.25), _contrast),
    Corruption("jpeg", (15, 5), _jpeg),
    Corruption("low_resolution", (0.5, 1 / 3), _low_resolution),
    Corruption("cold_light", (-0.15, -0.3), _tint),
    Corruption("warm_light", (0.15, 0.3), _tint),
    Corruption("grey", (0.5, 1.0), _grey),
    Corruption("barrel", (0.15, 0.35), geometry=_barrel),
    Corruption("roll", (5.0, 10.0), geometry=_roll),
    Corruption("portrait", (0.75, 0.5), geometry=_portrait),
)

CORRUPTIONS = {each.name: each for each in _ALL}
"""By name, in the order of the table."""
