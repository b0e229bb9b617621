"""The models that this worker cannot load, and whether another worker may load them."""

from __future__ import annotations

from roadmask.schemas.jobs import Lane
from storage.workers import WorkerRegistry


class UnloadableModels:
    """The models that jobs asked this worker for and that it could not load since.

    Its heartbeat names them, so that the workers know of each other whether one is left that may
    load a model.
    """

    def __init__(self, workers: WorkerRegistry, worker_id: str) -> None:
        self._workers = workers
        self._worker_id = worker_id
        self._names: set[str] = set()

    @property
    def names(self) -> list[str]:
        """The models, as the jobs name them."""
        return sorted(self._names)

    def add(self, model: str) -> None:
        """Note that a model did not load."""
        self._names.add(model)

    def remove(self, model: str) -> None:
        """Note that a model works."""
        self._names.discard(model)

    def may_load_elsewhere(self, model: str, lane: Lane) -> bool:
        """Whether another worker consumes the lane that did not fail to load the model.

        Raises `RecordsUnavailable`.
        """
        return any(
            worker["id"] != self._worker_id
            and lane in worker.get("consuming", ())
            and model not in worker.get("unloadable", ())
            for worker in self._workers.list_live()
        )
