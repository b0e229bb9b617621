"""Synthetic street photographs with exact truth, made from a seed."""

from __future__ import annotations

from ml.scenes.scene import Scene, render

__all__ = ["Scene", "render"]
