"""The models of a worker that are in memory, and the one in service."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

from roadmask.errors import ModelNotFound
from roadmask.schemas.model_version import is_model_name
from worker.background.singleflight import SingleFlight
from worker.models.interfaces import (
    Artifact,
    Predictor,
    PredictorLoader,
    Repository,
)

MAX_LOADED = 2
"""Predictors in memory at once: the one in service, and one for jobs that are pinned to another."""


REST_S = 3.0
"""Seconds after which a network frees the memory of an input size that no image has used."""


class LoadedModels:
    """Keeps predictors in memory, and resolves the model names of jobs.

    A model loads in the thread that needs it first, so that other models keep serving meanwhile.
    """

    def __init__(self, repository: Repository, loader: PredictorLoader) -> None:
        self._repository = repository
        self._loader = loader
        self.parameters = loader.parameters
        self.in_service: Artifact = repository.own
        self._find = lru_cache(maxsize=64)(repository.find)
        self._loaded: dict[str, tuple[Artifact, Predictor]] = {}
        self._lock = threading.Lock()
        """Guards `_loaded`."""
        self._loading = threading.Lock()
        """Held while a model loads, so that at most one does."""
        self._single_flight: SingleFlight[Predictor] = SingleFlight()

    @property
    def own(self) -> Artifact:
        """The artifact that the worker was started with. It serves until a version is promoted."""
        return self._repository.own

    @property
    def bundled(self) -> list[str]:
        """Versions that this worker has without the object store, as `name@version`."""
        return sorted({str(self.own.model_version), *map(str, self._repository.shipped)})

    @property
    def qualities(self) -> dict[str, dict[str, Any]]:
        """The qualities of `bundled`, as JSON."""
        return {
            model: {quality: info.model_dump(mode="json") for quality, info in qualities.items()}
            for model, qualities in self._repository.qualities.items()
        }

    def downloaded(self) -> int:
        """Bytes of models that have arrived so far; it grows during a download."""
        return self._repository.downloaded

    @property
    def loaded(self) -> list[str]:
        """Versions in memory, as `name@version`."""
        with self._lock:
            return sorted(str(artifact.model_version) for artifact, _ in self._loaded.values())

    def find(self, name: str) -> Artifact:
        """The artifact that a job names.

        Raises `ModelNotFound`, `StoreUnavailable`, and `HashMismatch` if the artifact is damaged.
        """
        service = self.in_service
        if name == "default" or service.model_version.matches(name):
            return service
        # Only the operator may name a folder; a job gives a name or a version.
        if not is_model_name(name):
            raise ModelNotFound(
                f"{name!r} is not a model name; use `default`, a name or `name@version`."
            )
        return self._find(name)

    def predictor(self, artifact: Artifact) -> Predictor:
        """The warm predictor of an artifact, loaded if it is not in memory."""
        predictor = self._in_memory(artifact)
        if predictor is None:
            predictor, _ = self._single_flight.run(artifact.sha256, lambda: self._load(artifact))
        return predictor

    def release_memory(self) -> None:
        """Free the memory that the predictors have not used for `REST_S`. Call this often."""
        with self._lock:
            predictors = [predictor for _, predictor in self._loaded.values()]
        for predictor in predictors:
            predictor.release_memory(REST_S)

    def serve(self, name: str | None) -> None:
        """Load a version, then put it into service; None means this worker's own.

        If this raises, the version in service stays.
        """
        artifact = self.own if name is None else self.find(name)
        self.predictor(artifact)
        self.in_service = artifact

    def _in_memory(self, artifact: Artifact) -> Predictor | None:
        with self._lock:
            found = self._loaded.get(artifact.sha256)
        return found[1] if found else None

    def _load(self, artifact: Artifact) -> Predictor:
        with self._loading:
            if (predictor := self._in_memory(artifact)) is not None:
                return predictor
            with self._lock:
                # Images in the pipeline keep an evicted predictor alive until they are done.
                if len(self._loaded) >= MAX_LOADED:
                    keep = self.in_service.sha256
                    del self._loaded[next(key for key in self._loaded if key != keep)]
            predictor = self._loader.load(artifact)
            predictor.warm()
            with self._lock:
                self._loaded[artifact.sha256] = artifact, predictor
            return predictor
