"""Where a scene is drawn, and what a thing that stands in it can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ml.scenes.painting.camera import Camera, Floats
from ml.scenes.painting.canvas import Canvas
from ml.scenes.painting.light import Light
from ml.scenes.street import Street


@dataclass(frozen=True)
class Stage:
    """Everything a thing needs in order to draw itself."""

    camera: Camera
    canvas: Canvas
    light: Light
    street: Street


@dataclass(frozen=True)
class Shade:
    """A dark patch on the ground: an outline (N, 3) and what it keeps away."""

    outline: Floats
    leafy: bool = False
    """Light comes through in spots."""
    contact: bool = False
    """The darkness right under a thing, there without any sun."""


class Thing(Protocol):
    """Something that stands in the street."""

    @property
    def depth(self) -> float:
        """Metres from the camera plane; what is farther is drawn first."""

    def shades(self, light: Light) -> list[Shade]:
        """The shadows it throws on the ground."""

    def draw(self, stage: Stage) -> None:
        """Draw picture, truth and depth."""


@dataclass
class Plan:
    """All things of a scene, those beyond the pavement apart from those before it."""

    behind: list[Thing] = field(default_factory=list)
    before: list[Thing] = field(default_factory=list)

    def painted(self) -> list[Thing]:
        """All things in the order in which they hide one another."""
        return [
            thing
            for layer in (self.behind, self.before)
            for thing in sorted(layer, key=lambda thing: -thing.depth)
        ]
