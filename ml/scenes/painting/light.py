"""Weather and hour: where the sun stands, and how bright and blue everything is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ml.scenes.painting.camera import Floats

Weather = Literal["clear", "broken", "overcast", "dusk"]


@dataclass(frozen=True)
class Light:
    """Sunlight and skylight, as RGB factors on a surface's own color."""

    weather: Weather
    sun: Floats
    """Unit vector towards the sun, (3,)."""
    direct: Floats
    """What a surface square to the sun gets from it, (3,)."""
    ambient: Floats
    """What every surface gets from the sky, (3,)."""
    haze: Floats
    """The color that distance fades to, RGB 0..255, (3,)."""
    density: float
    """Haze per metre."""

    def on(self, normal: Floats) -> Floats:
        """The factor (3,) for a surface with this outward unit normal; undersides get less sky."""
        sky = 0.8 + 0.2 * float(normal[1])
        factor: Floats = self.ambient * sky + self.direct * max(float(normal @ self.sun), 0.0)
        return factor

    @property
    def soft(self) -> Floats:
        """The factor (3,) for round things, lit from all sides a little."""
        return self.ambient * 0.9 + self.direct * 0.42

    @property
    def sunny(self) -> bool:
        """Whether things throw a shadow."""
        return float(self.direct.max()) > 0.15

    def shadow(self, points: Floats) -> Floats:
        """Where the shadows of the points (N, 3) fall on the ground, (N, 3)."""
        reach = np.minimum(points[:, 1] / self.sun[1], 60)
        thrown: Floats = points - reach[:, None] * self.sun
        thrown[:, 1] = 0
        return thrown


_WEATHERS: tuple[Weather, ...] = ("clear", "broken", "overcast", "dusk")
_DIRECT = {
    "clear": (0.80, 0.73, 0.60),
    "broken": (0.62, 0.58, 0.50),
    "overcast": (0.05, 0.05, 0.05),
    "dusk": (0.52, 0.32, 0.16),
}
_AMBIENT = {
    "clear": (0.52, 0.57, 0.66),
    "broken": (0.60, 0.63, 0.68),
    "overcast": (0.86, 0.88, 0.90),
    "dusk": (0.50, 0.49, 0.60),
}
_HAZE = {
    "clear": (196, 213, 230),
    "broken": (205, 214, 224),
    "overcast": (214, 217, 220),
    "dusk": (222, 190, 168),
}


def make_light(rng: np.random.Generator) -> Light:
    """A random weather and sun."""
    weather = _WEATHERS[rng.choice(4, p=(0.36, 0.27, 0.25, 0.12))]
    low, high = (8, 18) if weather == "dusk" else (24, 60)
    elevation, azimuth = np.deg2rad(rng.uniform(low, high)), rng.uniform(0, 2 * np.pi)
    flat = np.cos(elevation)
    sun = np.array((flat * np.sin(azimuth), np.sin(elevation), flat * np.cos(azimuth)))
    level = rng.uniform(0.88, 1.1)
    return Light(
        weather=weather,
        sun=sun,
        direct=np.array(_DIRECT[weather]) * level,
        ambient=np.array(_AMBIENT[weather]) * level,
        haze=np.array(_HAZE[weather], float),
        density=rng.uniform(0.0008, 0.004),
    )
