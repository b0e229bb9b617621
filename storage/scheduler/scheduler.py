"""The scheduler process: the reconciler and the webhooks, for a service without a worker.

Workers run both, too. Several processes do no harm, because one process reconciles at a time, and
each delivery is leased.
"""

from __future__ import annotations

import logging

from prometheus_client import start_http_server

from roadmask.settings import Settings
from storage.backends import StorageBackends
from storage.scheduler.periodic import Periodic
from storage.webhooks.sender import WebhookSender

log = logging.getLogger(__name__)

ERASURES_S = 10.0
"""Pause between two sweeps of pending erasures, seconds."""


class Scheduler:
    """Runs the periodic duties from `start` to `stop`. Redis and the store may start later."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._storage = storage = StorageBackends.open(settings)
        self._webhooks = WebhookSender(storage.deliveries, settings)
        self._periodic = periodic_duties(storage, self._webhooks, settings)

    def start(self) -> None:
        if self._settings.metrics_port:
            start_http_server(self._settings.metrics_port, self._settings.metrics_host)
        for periodic in self._periodic:
            periodic.start()
        log.info("scheduler ready")

    def stop(self) -> None:
        """Stop all threads and close all connections."""
        for periodic in reversed(self._periodic):
            periodic.stop()
        self._webhooks.stop()
        self._storage.close()


def periodic_duties(
    storage: StorageBackends, webhooks: WebhookSender, settings: Settings
) -> list[Periodic]:
    """The duties of the scheduler and of every worker: one living process is enough for them."""
    return [
        Periodic("reconciler", settings.reconcile_s, storage.reconciler.run, jitter=0.3),
        Periodic("webhooks", settings.reconcile_s, webhooks.send_due, jitter=0.3),
        Periodic("erasures", ERASURES_S, storage.eraser.sweep, jitter=0.3),
    ]
