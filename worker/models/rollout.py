"""Rollout of promoted models: load the new version while the old one serves, then switch."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from roadmask.errors import ModelFailed, Unavailable
from storage.models.deployments import Deployments
from worker.models.loaded import LoadedModels

POLL_S = 1.0
RETRY_S = 30.0
"""Seconds until the worker tries again to load a version that did not load."""

log = logging.getLogger(__name__)


class ModelRollout:
    """Follows the deployments. A version that does not load never replaces the one in service."""

    def __init__(self, deployments: Deployments, models: LoadedModels) -> None:
        self._deployments = deployments
        self._models = models
        self._serving: str | None = None
        self._retry_at: dict[str | None, float] = {}
        """When to try again, by the version or the request that did not load."""
        self.ready: str | None = None
        """The last request of `Deployments.request_preload` whose version is loaded."""

    @property
    def refused(self) -> list[str]:
        """Versions and requests that recently did not load."""
        return [request for request in list(self._retry_at) if request is not None]

    def load_initial(self) -> None:
        """Load the promoted version, or the worker's own if the promoted one does not load.

        Raises what loading the worker's own raises, and `StoreUnavailable`.
        """
        promoted = self._deployments.latest().model
        try:
            if promoted is not None:
                self._models.serve(promoted)
                self._serving = promoted
                return
        except Unavailable:
            raise
        except Exception:
            log.exception("%s cannot be loaded", promoted)
        self._models.serve(None)

    def poll(self) -> None:
        """Switch to the promoted version, and load the one that is about to be promoted.

        Raises the errors of loading; then the version in service stays.
        """
        try:
            self._switch()
        finally:
            self._prepare()

    def _switch(self) -> None:
        promoted = self._deployments.current().model
        if promoted != self._serving:
            self._try(promoted, lambda: self._models.serve(promoted))
            self._serving = promoted
            log.info("in service: %s", self._models.in_service.model_version)

    def _prepare(self) -> None:
        """Load the version of a new request. It is loaded only once, so jobs may evict it again."""
        request = self._deployments.preload_request()
        if request is not None and request != self.ready:
            version = request.split()[0]
            self._try(request, lambda: self._models.predictor(self._models.find(version)))
            self.ready = request
            log.info("ready: %s", version)

    def _try(self, request: str | None, load: Callable[[], object]) -> None:
        now = time.monotonic()
        self._retry_at = {key: end for key, end in self._retry_at.items() if end > now}
        if request in self._retry_at:
            raise ModelFailed(f"{request} did not load; it is tried again every {RETRY_S:g} s.")
        try:
            load()
        except Unavailable:
            raise
        except Exception:
            self._retry_at[request] = time.monotonic() + RETRY_S
            log.exception("%s cannot be loaded", request)
            raise
