"""Models of a worker: artifacts by name, and the predictors loaded from them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import ModelNotFound
from storage.artifacts import NAME
from worker.once import Once

KEPT = 2
"""Predictors in memory at once: the one in service and one that jobs ask for by name, or that was
in service when they were accepted."""


class Artifact(Protocol):
    """What the worker needs to know about a model version."""

    @property
    def name(self) -> str:
        """The model's, without its version."""
        ...

    @property
    def version(self) -> str:
        """The version's."""
        ...

    @property
    def sha256(self) -> str:
        """Of the model file (hex): masks are found again by it."""
        ...


class Predictor(Protocol):
    """A model in memory: warmed by the thread that loads it, then used by inference threads."""

    @property
    def callers(self) -> int:
        """How many threads may use it at once; with several, each gives it one image at a time."""
        ...

    def warm(self) -> None:
        """Run every batch size once, so that no image pays for compiling."""

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """The least (height, width) that an image of that height and width may be decoded at."""
        ...

    def predict(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, int]]
    ) -> list[NDArray[np.uint8]]:
        """Masks, uint8 (H, W), of RGB images, uint8 (h, w, 3); `sizes` are H and W of each."""
        ...

    def predict_with_confidence(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, int]]
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        """The same masks, each with the probability of its categories, float32 (H, W)."""
        ...


class Models:
    """The artifacts that jobs may ask for by name; `default` is the one in service.

    `find` turns a name or a folder into an artifact (`ModelNotFound`), `load` an artifact into a
    predictor; `brought` names what this worker has without the store, as `name@version`;
    `parameters` tells what beside an artifact decides its masks. Models are loaded in the thread
    that asks for one, so that inference goes on meanwhile.
    """

    def __init__(
        self,
        default: str,
        find: Callable[[str], Artifact],
        load: Callable[[Any], Predictor],
        brought: Sequence[str] = (),
        parameters: Callable[[Any], Mapping[str, object]] = lambda _: {},
    ) -> None:
        self.parameters = parameters
        """What beside the artifact decides its masks."""
        self.own = find(default)
        """What is in service as long as nothing was promoted."""
        self.in_service = self.own
        self.brought = sorted({full_name(self.own), *brought})
        self._find = lru_cache(maxsize=64)(find)
        self._load = load
        self._loaded: dict[str, tuple[Artifact, Predictor]] = {}
        self._changing = threading.Lock()
        self._one_at_a_time = threading.Lock()
        self._once: Once[Predictor] = Once()

    def artifact(self, name: str) -> Artifact:
        """The artifact that a job names. Raises `ModelNotFound`, and what fetching it raises."""
        service = self.in_service
        if name in ("default", service.name, full_name(service)):
            return service
        # Only the operator may name folders; a job's model is a plain name or version.
        if not NAME.fullmatch(name):
            raise ModelNotFound(
                f"{name!r} is not the name of a model; use `default`, a name or `name@version`."
            )
        return self._find(name)

    def predictor(self, artifact: Artifact) -> Predictor:
        """The warm predictor of an artifact, loaded when it is not in memory."""
        predictor = self._in_memory(artifact)
        if predictor is None:
            predictor, _ = self._once.do(artifact.sha256, lambda: self._take_in(artifact))
        return predictor

    @property
    def loaded(self) -> list[str]:
        """The versions in memory, as `name@version`."""
        with self._changing:
            return sorted(full_name(artifact) for artifact, _ in self._loaded.values())

    def serve(self, name: str | None) -> None:
        """Put a version into service once its predictor is warm; None: this worker's own.

        Raises what finding and loading it raise, and then what was in service still is.
        """
        artifact = self.own if name is None else self.artifact(name)
        self.predictor(artifact)
        self.in_service = artifact

    def _in_memory(self, artifact: Artifact) -> Predictor | None:
        with self._changing:
            found = self._loaded.get(artifact.sha256)
        return found[1] if found else None

    def _take_in(self, artifact: Artifact) -> Predictor:
        with self._one_at_a_time:
            if (predictor := self._in_memory(artifact)) is not None:
                return predictor
            with self._changing:
                # Images that wait for it keep it in memory until they have their masks.
                if len(self._loaded) >= KEPT:
                    keep = self.in_service.sha256
                    del self._loaded[next(key for key in self._loaded if key != keep)]
            predictor = self._load(artifact)
            predictor.warm()
            with self._changing:
                self._loaded[artifact.sha256] = artifact, predictor
            return predictor


def full_name(artifact: Artifact) -> str:
    """`name@version`."""
    return f"{artifact.name}@{artifact.version}"
