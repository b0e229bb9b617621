"""Models of a worker: artifacts by name, and the predictors loaded from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import ModelNotFound
from roadmask.jobs import SEGMENT

KEPT = 2
"""Predictors in memory at once: the one in service and one that a job asked for by name."""


class Artifact(Protocol):
    """What the worker needs to know about a model version."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102


class Predictor(Protocol):
    """A model in memory, used by one thread only."""

    def warm(self) -> None:
        """Run every batch size once, so that no image pays for compiling."""

    def predict(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """Masks, uint8 (H, W), of RGB images, uint8 (H, W, 3), each at its own size."""
        ...


class Models:
    """The artifacts that jobs may ask for by name; `default` is the one in service.

    `find` turns a name or a folder into an artifact (`ModelNotFound`), `load` an artifact into a
    predictor. `predictor` is for the inference thread alone.
    """

    def __init__(
        self,
        default: str,
        find: Callable[[str], Artifact],
        load: Callable[[Any], Predictor],
    ) -> None:
        self.in_service = find(default)
        self._find = lru_cache(maxsize=64)(find)
        self._load = load
        self._loaded: dict[str, Predictor] = {}

    def artifact(self, name: str) -> Artifact:
        """The artifact that a job names. Raises `ModelNotFound`."""
        if name in ("default", self.in_service.name):
            return self.in_service
        # Only the operator may name folders; a job's model is a plain name.
        if not re.fullmatch(SEGMENT, name):
            raise ModelNotFound(f"{name!r} is not the name of a model; use `default` or a name.")
        return self._find(name)

    def predictor(self, artifact: Artifact) -> Predictor:
        """The warm predictor of an artifact, loaded when it is not in memory."""
        if artifact.sha256 not in self._loaded:
            if len(self._loaded) >= KEPT:
                keep = self.in_service.sha256
                del self._loaded[next(key for key in self._loaded if key != keep)]
            predictor = self._load(artifact)
            predictor.warm()
            self._loaded[artifact.sha256] = predictor
        return self._loaded[artifact.sha256]
