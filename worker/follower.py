"""The follower: brings what was promoted into service here, while the old model goes on serving."""

from __future__ import annotations

import logging
import time

from roadmask.errors import Unavailable
from storage.in_service import InService
from worker.models import Models, full_name
from worker.ticker import Ticker

LOOK_S = 1.0
REFUSED_S = 30.0
"""Pause before a version that could not be loaded is tried again, seconds."""

log = logging.getLogger(__name__)


class Follower:
    """Looks every second; a version that cannot be loaded never takes another one's place."""

    def __init__(self, in_service: InService, models: Models) -> None:
        self._in_service = in_service
        self._models = models
        self._serving: str | None = None
        self._refused: str | None = None
        self._again = 0.0
        self._ticker = Ticker("models", LOOK_S, self.look)

    def begin(self) -> None:
        """Load what is in service; where that is damaged, the worker's own for the time being.

        Raises what loading the worker's own model raises, and `StoreUnavailable`.
        """
        wanted = self._in_service.last().model
        try:
            if wanted is not None:
                self._models.serve(wanted)
                self._serving = wanted
                return
        except Unavailable:
            raise
        except Exception:
            log.exception("%s cannot be loaded", wanted)
        self._models.serve(None)

    def start(self) -> None:
        """Begin to look."""
        self._ticker.start()

    def stop(self) -> None:
        """Look no more."""
        self._ticker.stop()

    def look(self) -> None:
        """Follow a change. Raises what loading it raised; what was in service still is."""
        wanted = self._in_service.now().model
        if wanted == self._serving:
            return
        if wanted == self._refused and time.monotonic() < self._again:
            return
        begun = time.monotonic()
        try:
            self._models.serve(wanted)
        except Unavailable:
            raise
        except Exception:
            self._refused, self._again = wanted, time.monotonic() + REFUSED_S
            log.exception("%s cannot be loaded: %s stays in service", wanted, self._name)
            raise
        self._serving, self._refused = wanted, None
        log.info("in service: %s seconds=%.1f", self._name, time.monotonic() - begun)

    @property
    def _name(self) -> str:
        return full_name(self._models.in_service)
