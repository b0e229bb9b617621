"""The follower: brings what was promoted into service here, while the old model goes on serving."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from roadmask.errors import ModelFailed, Unavailable
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
        self.ready: str | None = None
        """What was wished for and is loaded (see `InService.prepare`)."""
        self._refused: dict[str | None, float] = {}
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

    @property
    def refused(self) -> list[str]:
        """What could not be loaded of late."""
        return [wish for wish in list(self._refused) if wish is not None]

    def look(self) -> None:
        """Follow a change, and have ready what comes next.

        Raises what loading it raised; what was in service still is.
        """
        try:
            self._follow()
        finally:
            self._get_ready()

    def _follow(self) -> None:
        wanted = self._in_service.now().model
        if wanted != self._serving:
            self._try(wanted, lambda: self._models.serve(wanted))
            self._serving = wanted
            log.info("in service: %s", full_name(self._models.in_service))

    def _get_ready(self) -> None:
        """Once for each wish: what was loaded may have to leave the memory for what jobs need."""
        wish = self._in_service.coming()
        if wish is not None and wish != self.ready:
            coming = wish.split()[0]
            self._try(wish, lambda: self._models.predictor(self._models.artifact(coming)))
            self.ready = wish
            log.info("ready: %s", coming)

    def _try(self, wish: str | None, load: Callable[[], object]) -> None:
        now = time.monotonic()
        self._refused = {name: end for name, end in self._refused.items() if end > now}
        if wish in self._refused:
            raise ModelFailed(f"{wish} could not be loaded a moment ago.")
        try:
            load()
        except Unavailable:
            raise
        except Exception:
            self._refused[wish] = time.monotonic() + REFUSED_S
            log.exception("%s cannot be loaded", wish)
            raise
