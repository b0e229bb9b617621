"""The worker process: every part of a worker, built and wired in one place."""

from __future__ import annotations

import logging
import os
import socket
from uuid import uuid4

from prometheus_client import start_http_server

from roadmask.machine import cores
from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.backends import StorageBackends
from storage.scheduler.periodic import Periodic
from storage.scheduler.scheduler import periodic_duties
from storage.webhooks.sender import WebhookSender
from worker.background.heartbeat import CHECK_S, Heartbeat
from worker.background.lease_renewer import LeaseRenewer
from worker.background.stall_check import StallCheck
from worker.background.watchdog import Watchdog
from worker.background.watchdog_process import RESTART_S, WatchdogProcess
from worker.background.watched_worker import WatchedWorker
from worker.models.loaded import LoadedModels
from worker.models.rollout import POLL_S, ModelRollout
from worker.models.unloadable import UnloadableModels
from worker.pipeline.batch_size import BatchSizer
from worker.pipeline.fetch import Fetcher
from worker.pipeline.inference import InferenceRunner
from worker.pipeline.mask_store import MaskStore
from worker.pipeline.pipeline import Pipeline
from worker.pipeline.sandbox import Sandbox
from worker.work.attempts import AttemptRunner
from worker.work.chunks import ChunkRunner
from worker.work.consumption import Consumption

log = logging.getLogger(__name__)


class WorkerProcess:
    """A worker, running from `start` to `stop`. The consumers of messages call `chunks`."""

    def __init__(self, settings: Settings, models: LoadedModels, lanes: frozenset[Lane]) -> None:
        self._storage = storage = StorageBackends.open(settings)
        worker_id = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}"
        self._watchdog_process = WatchdogProcess(WatchedWorker.of(worker_id, settings))
        table = self._watchdog_process.table
        watchdog = Watchdog(settings.item_deadline_s, table=table)

        self._settings, self._models, self.queue = settings, models, storage.queue
        self._rollout = ModelRollout(storage.deployments, models)

        batch_sizer = BatchSizer(settings.max_batch, minimum=cores())
        max_pixels, report_damaged = settings.max_image_pixels, storage.catalogue.report_damaged
        self._sandbox = sandbox = Sandbox(max_pixels, settings.item_deadline_s)
        fetcher = Fetcher(
            storage.store, max_pixels, settings.max_batch, watchdog, sandbox, report_damaged
        )
        self._inference = InferenceRunner(models, batch_sizer, watchdog, threads=2 * cores())
        masks = MaskStore(storage.store, report_damaged, watchdog)
        pipeline = Pipeline(models, fetcher, self._inference, masks, settings.item_deadline_s)

        renewer = LeaseRenewer(storage.leases, table)
        # The longest step of a chunk is one image, which may be repeated behind another image.
        self.consumption = Consumption(lanes, 3 * settings.item_deadline_s, models.downloaded)
        self._unloadable = UnloadableModels(storage.workers, worker_id)
        attempts = AttemptRunner(
            pipeline, storage.leases, self.consumption, self._unloadable, settings.lease_s
        )
        self.chunks = ChunkRunner(
            storage.leases,
            storage.queue,
            renewer,
            attempts,
            watchdog,
            worker_id=worker_id,
            lanes=lanes,
            max_batch=settings.max_batch,
        )

        self._about = {"lanes": sorted(lanes), "threads": settings.worker_threads}
        self._heartbeat = Heartbeat(
            storage.workers,
            storage.queue,
            self.consumption,
            worker_id,
            self._status,
            lambda: attempts.items_done,
        )
        stall = StallCheck(self.consumption, storage.queue, self.chunks.stopping, watchdog.abort)
        self._webhooks = WebhookSender(storage.deliveries, settings)
        # Started in this order, stopped in reverse order.
        self._periodic = [
            Periodic("watchdog", watchdog.interval_s, watchdog.check),
            Periodic("watchdog process", RESTART_S, self._watchdog_process.check),
            Periodic("leases", settings.lease_s / 3, renewer.renew),
            *periodic_duties(storage, self._webhooks, settings),
            Periodic("rollout", POLL_S, self._rollout.poll),
            Periodic("heartbeat", CHECK_S, self._heartbeat.send),
            Periodic("idle memory", CHECK_S, models.release_memory),
            Periodic("stall check", CHECK_S, stall.check),
        ]

    def start(self) -> None:
        """Load the model, then start all threads.

        Raises what loading the model raises, and `StoreUnavailable`.
        """
        if self._settings.metrics_port:
            start_http_server(self._settings.metrics_port, self._settings.metrics_host)
        self._storage.store.check()
        self._rollout.load_initial()
        self._inference.start()
        if self._settings.warm_sandbox:
            self._sandbox.start()
        for periodic in self._periodic:
            periodic.start()
        log.info("worker ready model=%s", self._models.in_service.model_version)

    def stop(self) -> None:
        """Stop all threads and close all connections. No item may be in progress."""
        self.chunks.close()
        self._inference.stop()
        for periodic in reversed(self._periodic):
            periodic.stop()
        self._webhooks.stop()
        self._watchdog_process.stop()
        self._sandbox.stop()
        self._heartbeat.remove()
        self._storage.close()

    def _status(self) -> dict[str, object]:
        """The facts that the heartbeat publishes, as members of `WorkerStatus`."""
        return {
            **self._about,
            "model": str(self._models.in_service.model_version),
            "own_model": str(self._models.own.model_version),
            "models": self._models.bundled,
            "qualities": self._models.qualities,
            "loaded": self._models.loaded,
            "ready": self._rollout.ready,
            "refused": self._rollout.refused,
            "unloadable": self._unloadable.names,
            "outage": self.chunks.outage,
        }
