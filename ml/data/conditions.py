"""Conditions: weather, light and camera artifacts, as Albumentations transforms.

They change the image alone, never the truth. Albumentations 2.0.8 has most of them; `Haze` and
`Dusk` are our own.
"""

from __future__ import annotations

from typing import Any

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray

LIGHT = ("fog", "haze", "rain", "snow", "dusk", "gamma", "temperature", "grey")
"""Weather and light."""
CAMERA = ("jpeg", "motion", "blur", "noise", "scaling")
"""Artifacts of cameras and of storage."""


def condition(name: str, chance: float) -> A.BasicTransform:
    """The transform of that name, one of `LIGHT` or `CAMERA`, with its probability."""
    match name:
        case "fog":
            return A.RandomFog(alpha_coef=0.08, p=chance)
        case "haze":
            return Haze(p=chance)
        case "rain":
            return A.RandomRain(brightness_coefficient=0.85, blur_value=3, p=chance)
        case "snow":
            return A.RandomSnow(brightness_coeff=1.6, snow_point_range=(0.1, 0.3), p=chance)
        case "dusk":
            return Dusk(p=chance)
        case "gamma":
            return A.RandomGamma((50, 180), p=chance)
        case "temperature":
            return A.PlanckianJitter(temperature_limit=(3800, 12000), p=chance)
        case "grey":
            return A.ToGray(p=chance)
        case "jpeg":
            return A.ImageCompression(quality_range=(5, 60), p=chance)
        case "motion":
            return A.MotionBlur(blur_limit=(3, 19), p=chance)
        case "blur":
            return A.GaussianBlur(sigma_limit=(0.5, 3.0), p=chance)
        case "noise":
            return A.GaussNoise(std_range=(0.02, 0.15), p=chance)
        case "scaling":
            pair = {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR}
            return A.Downscale((0.25, 0.7), interpolation_pair=pair, p=chance)
    raise ValueError(f"no condition {name!r}")


class Haze(A.ImageOnlyTransform):
    """Haze: scattered light over distant things, stronger in the upper half of the image.

    Koschmieder's law, with the image row in place of the distance, as a forward camera sees a
    street.
    """

    def get_params(self) -> dict[str, Any]:
        """Share of air light at the horizon, and its grey."""
        return {
            "share": self.py_random.uniform(0.2, 0.75),
            "air": self.py_random.uniform(170, 240),
            "horizon": self.py_random.uniform(0.3, 0.6),
        }

    def apply(
        self, img: NDArray[np.uint8], share: float, air: float, horizon: float, **_: Any
    ) -> NDArray[np.uint8]:
        """Mix the image with the air's light."""
        rows = np.linspace(0, 1, len(img), dtype=np.float32)
        near = np.clip((rows - horizon) / (1 - horizon), 0, 1)
        mix = (share * (1 - 0.8 * near))[:, None, None]
        hazy: NDArray[np.float32] = img * (1 - mix) + np.float32(air) * mix
        return hazy.astype(np.uint8)


class Dusk(A.ImageOnlyTransform):
    """Dusk and night: darker, with a tint from blue hour to street lamps, and sensor noise."""

    def get_params(self) -> dict[str, Any]:
        """Exposure, tint and noise; the darker, the noisier."""
        exposure = float(np.exp(self.py_random.uniform(np.log(0.12), np.log(0.7))))
        return {
            "exposure": exposure,
            "warmth": self.py_random.uniform(-0.25, 0.25),
            "noise": self.py_random.uniform(0, 12) * (1 - exposure),
            "seed": self.py_random.getrandbits(32),
        }

    def apply(
        self,
        img: NDArray[np.uint8],
        exposure: float,
        warmth: float,
        noise: float,
        seed: int,
        **_: Any,
    ) -> NDArray[np.uint8]:
        """Darken, tint, add noise."""
        gains = exposure * np.exp(np.array([warmth, 0, -warmth], np.float32))
        grain = np.random.default_rng(seed).standard_normal(img.shape, np.float32)
        dark: NDArray[np.float32] = img * gains + np.float32(noise) * grain
        return np.clip(dark, 0, 255).astype(np.uint8)
