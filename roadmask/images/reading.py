"""Reading: what a user says about the images and masks of a folder, and nobody can find out."""

from __future__ import annotations

from dataclasses import dataclass

from roadmask.images.labels.label_option import DETECT, LabelOption
from roadmask.schemas.pixels import AS_STORED, Pixels


@dataclass(frozen=True, slots=True)
class Reading:
    """How a folder is read: the options `--labels`, `--unknown` and `--pixels` of commands."""

    labels: LabelOption = DETECT
    pixels: Pixels = AS_STORED
    """What deep, raw or thermal samples of its images mean."""


AS_FOUND = Reading()
"""Nothing is said: label map and depth are found."""
