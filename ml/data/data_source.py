"""Data source: a folder of annotated images, and how much of an epoch comes from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from roadmask.images.reading import AS_FOUND, Reading


@dataclass(frozen=True, slots=True)
class DataSource:
    """A folder of annotated images that a run learns from."""

    folder: Path
    weight: float = 1.0
    """Views of each image in an epoch, on average. The fraction is a new random draw each epoch."""
    reading: Reading = AS_FOUND
