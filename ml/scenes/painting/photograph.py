"""From the drawn scene to a photograph: haze, exposure, lens, sensor, compression."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.scenes.painting.canvas import SKY
from ml.scenes.stage import Stage

Image = NDArray[np.uint8]


def develop(stage: Stage, rng: np.random.Generator, width: int, height: int) -> Image:
    """The photograph (height, width, 3) uint8 RGB of what stands on the stage."""
    image = _lens(_haze(stage, width, height), rng)
    image = _expose(image, stage, rng)
    noise = rng.standard_normal(image.shape, dtype=np.float32) * rng.uniform(0.8, 4.0)
    image = np.clip(image + noise * (1.25 - image / 255), 0, 255).astype(np.uint8)
    quality = int(rng.integers(70, 96))
    _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _haze(stage: Stage, width: int, height: int) -> NDArray[np.float32]:
    """The picture at its final size, paler with distance."""
    canvas, light = stage.canvas, stage.light
    kept = np.exp(-light.density * np.minimum(canvas.depth, 400))
    kept[canvas.truth == SKY] = 1
    size = (width, height)
    kept = cv2.resize(kept, size, interpolation=cv2.INTER_AREA)
    image = cv2.resize(canvas.image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    haze = light.haze.astype(np.float32)
    hazy: NDArray[np.float32] = haze + (image - haze) * kept[..., None]
    return hazy


def _lens(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    unit = (image.shape[1] / 480) ** 0.5
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.6) * unit)
    if rng.random() < 0.3:
        length, angle = rng.uniform(1.5, 4.0) * unit, rng.uniform(-0.4, 0.4)
        size = 2 * int(length) + 1
        kernel = np.zeros((size, size), np.float32)
        dx, dy = np.cos(angle) * length / 2, np.sin(angle) * length / 2
        c = size // 2
        ends = [(round((c + s * dx) * 16), round((c + s * dy) * 16)) for s in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_8, 4)
        soft = cv2.filter2D(soft, -1, kernel / kernel.sum())
    glow = cv2.GaussianBlur(cv2.resize(soft, None, fx=0.25, fy=0.25), (0, 0), 6 * unit)
    glow = cv2.resize(glow, image.shape[1::-1])
    bloomed: NDArray[np.float32] = soft * 0.94 + glow * 0.06
    return bloomed


def _expose(
    image: NDArray[np.float32], stage: Stage, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Exposure, white balance, contrast curve and vignette."""
    height, width = image.shape[:2]
    ground = image[int(height * 0.4) :].mean()
    gain = (rng.uniform(88, 128) / max(float(ground), 20)) ** 0.8
    gain *= 0.8 if stage.light.weather == "dusk" else 1.0
    balance = 1 + rng.normal(0, 0.018, 3).astype(np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    vignette = 1 - rng.uniform(0.03, 0.14) * (x * x + y * y)
    value = image / 255 * gain * balance * vignette[..., None]
    contrast = rng.uniform(0.1, 0.5)
    value = np.where(value < 0.9, value, 0.9 + 0.1 * np.tanh((value - 0.9) / 0.1))
    curved = value + contrast * (value * value * (3 - 2 * value) - value)
    toned: NDArray[np.float32] = (curved * 255).astype(np.float32)
    return toned
