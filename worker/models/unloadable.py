"""The models that this worker cannot load, and whether another worker may load them."""

from __future__ import annotations

from roadmask.schemas.jobs import Lane
from storage.workers import WorkerRegistry


class UnloadableModels:
    """Models that jobs asked for and that this worker failed to load, until one loads after all.

    The heartbeat names them. So each worker knows whether another worker may load a model.
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
        """Note that a model was loaded."""
        self._names.discard(model)

    def may_load_elsewhere(self, model: str, lane: Lane) -> bool:
        """Whether another worker consumes the lane and has not failed to load the model.

        Raises `RecordsUnavailable`.
        """
        return any(
            worker.id != self._worker_id
            and lane in (worker.consuming or ())
            and model not in worker.unloadable
            for worker in self._workers.list_live()
        )
