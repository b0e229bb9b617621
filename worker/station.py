"""The station: everything a worker process is made of, built from its settings."""

from __future__ import annotations

import logging
import os
import socket
from uuid import uuid4

from roadmask.jobs import Lane
from roadmask.settings import Settings
from storage.connections import connect_redis, open_store
from storage.deliveries import Deliveries
from storage.dispatch import Dispatch
from storage.in_service import InService
from storage.leases import Leases
from storage.recovery import Recovery
from storage.roll import Roll
from worker.attempts import Attempts
from worker.batcher import Batcher
from worker.chunks import Chunks
from worker.fetch import Fetcher
from worker.follower import Follower
from worker.keeper import Keeper
from worker.messenger import Messenger
from worker.models import Models, full_name
from worker.pace import Pace
from worker.pipeline import Pipeline
from worker.presence import Presence
from worker.store import Masks
from worker.ticker import Ticker
from worker.watchdog import Watchdog

log = logging.getLogger(__name__)


class Station:
    """A worker's parts, wired. It works between `start` and `stop`."""

    def __init__(self, settings: Settings, models: Models, lanes: frozenset[Lane]) -> None:
        redis, self._store = connect_redis(settings), open_store(settings)
        dispatch = Dispatch(settings)
        leases = Leases(redis, self._store, settings)
        worker_id = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}"
        self._models = models
        self._follower = Follower(InService(redis, self._store), models)
        self._watchdog = Watchdog(settings.item_deadline_s)
        cores = os.cpu_count() or 1
        pace = Pace(settings.max_batch, least=cores)
        self._batcher = Batcher(models, pace, self._watchdog, threads=2 * cores)
        fetcher = Fetcher(
            self._store, settings.max_image_pixels, settings.max_batch, self._watchdog
        )
        pipeline = Pipeline(
            models, fetcher, self._batcher, Masks(self._store), settings.item_deadline_s
        )
        attempts = Attempts(pipeline, leases, patience_s=settings.lease_s)
        self._keeper = Keeper(leases, settings.lease_s)
        self.chunks = Chunks(
            leases,
            dispatch,
            self._keeper,
            attempts,
            self._watchdog,
            worker_id=worker_id,
            lanes=lanes,
            max_batch=settings.max_batch,
        )
        recovery = Recovery(redis, self._store, settings, dispatch)
        self._reconciler = Ticker("reconciler", settings.reconcile_s, recovery.run, jitter=0.3)
        about = {"lanes": sorted(lanes), "threads": settings.worker_threads}
        messenger = Messenger(Deliveries(redis, self._store, settings), settings)
        self._messenger = Ticker("webhooks", settings.reconcile_s, messenger.run, jitter=0.3)
        self._presence = Presence(
            Roll(redis), worker_id, lambda: about | self._told(), lambda: attempts.ended
        )

    def start(self) -> None:
        """Load the model, then appear. Raises what loading raised, or `StoreUnavailable`."""
        self._store.check()
        self._follower.begin()
        self._batcher.start()
        for part in (
            self._watchdog,
            self._keeper,
            self._reconciler,
            self._messenger,
            self._presence,
        ):
            part.start()
        self._follower.start()
        log.info("worker ready model=%s", full_name(self._models.in_service))

    def stop(self) -> None:
        """End every thread; nothing may be in hand any more."""
        self._presence.stop()
        self._follower.stop()
        self._reconciler.stop()
        self._messenger.stop()
        self.chunks.close()
        self._batcher.stop()
        self._keeper.stop()
        self._watchdog.stop()

    def _told(self) -> dict[str, object]:
        return {
            "model": full_name(self._models.in_service),
            "own_model": full_name(self._models.own),
            "models": self._models.brought,
            "loaded": self._models.loaded,
            "ready": self._follower.ready,
            "refused": self._follower.refused,
        }
