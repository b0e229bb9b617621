"""Promotion: a published model version is put into service when all workers have loaded it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from roadmask.errors import ModelFailed, RecordsUnavailable, Unavailable
from roadmask.schemas.model_version import ModelVersion
from storage.models.deployments import Deployment, Deployments
from storage.models.registry import ModelRegistry
from storage.models.signatures import check_signature
from storage.workers import WorkerRegistry

POLL_S = 0.5


class Promotion:
    """Promotes versions. Every method raises `StoreUnavailable`."""

    def __init__(
        self,
        registry: ModelRegistry,
        deployments: Deployments,
        workers: WorkerRegistry,
        public_keys: list[str],
    ) -> None:
        self._registry = registry
        self._deployments = deployments
        self._workers = workers
        self._public_keys = public_keys

    def promote(self, model: str, wait_s: float) -> Deployment:
        """Put a published version into service, unless it is already; return the deployment.

        All workers must first load it within `wait_s` seconds; with 0 they load it afterwards.
        Raises `ModelNotFound`, `HashMismatch` for a damaged model, `SignatureInvalid`,
        `ModelFailed` if a worker cannot load it, and `Unavailable` if the time is over or Redis is
        unavailable. If it raises, nothing has changed.
        """
        version = self._registry.find(model)
        self._registry.check(version)
        if self._public_keys:
            self._check_signature(version)
        if wait_s and self._deployments.latest().model != str(version):
            try:
                self._wait_until_loaded(str(version), wait_s)
            except RecordsUnavailable:
                raise Unavailable(
                    f"Nothing was changed: Redis does not answer, so no worker can be asked to "
                    f"load {version}. Start the service, or promote without asking with --wait 0."
                ) from None
        return self._deployments.promote(str(version))

    def _check_signature(self, version: ModelVersion) -> None:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy"
            self._registry.fetch(version, copy)
            check_signature(copy, version, self._public_keys)

    def _wait_until_loaded(self, model: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        request = self._deployments.request_preload(model)
        while True:
            workers = self._workers.list_live()
            refused = [worker.id for worker in workers if request in worker.refused]
            missing = [worker.id for worker in workers if worker.ready != request]
            if refused:
                raise ModelFailed(
                    f"Nothing was changed: {', '.join(refused)} cannot load {model}. See its log."
                )
            if not missing:
                return
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Nothing was changed: after {seconds:g} s {', '.join(missing)} has not loaded "
                    f"{model}. Wait longer with --wait, or promote at once with --wait 0."
                )
            time.sleep(POLL_S)
