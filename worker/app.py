"""The Celery app of a worker, and its life: load, consume, finish what is in hand."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Iterable
from typing import Any

from celery import Celery, signals
from celery.exceptions import SecurityWarning

from roadmask.jobs import Lane
from roadmask.settings import Settings
from storage.dispatch import celery_config
from worker.express import Express
from worker.models import Models
from worker.station import Station
from worker.tasks import add_tasks


def create_app(settings: Settings, station: Station, lanes: Collection[Lane]) -> Celery:
    """The app; the model is loaded before its consumer starts, and stops when it has stopped.

    Where it serves both lanes, the interactive one has threads of its own besides.
    """
    app = Celery("roadmask", set_as_current=False)
    app.conf.update(celery_config(settings))
    add_tasks(app, station.chunks)
    express = Express(app, station.chunks) if set(lanes) == set(Lane) else None

    def load(**_: Any) -> None:
        try:
            station.start()
            if express:
                express.start()
        except Exception as error:
            # Celery logs what a signal's handler raises and goes on; only an exit gets through.
            sys.exit(f"The worker cannot start: {error}")

    def stop_claiming(**_: Any) -> None:
        station.chunks.stop()

    def stop(**_: Any) -> None:
        if express:
            express.stop()
        station.stop()

    signals.worker_init.connect(load, weak=False)
    signals.worker_shutting_down.connect(stop_claiming, weak=False)
    signals.worker_shutdown.connect(stop, weak=False)
    # The process that starts the worker has set up its logging.
    signals.setup_logging.connect(lambda **_: None, weak=False)
    return app


def run_worker(settings: Settings, models: Models, lanes: Iterable[Lane]) -> int:
    """Serve the lanes, the first one first, until SIGTERM. Returns the exit code.

    Without gossip, mingle and heartbeats: workers need not know of each other, and what Celery
    keeps in Redis for that purpose has filled others' memory.
    """
    # It speaks of pickled messages, which are refused, and of an option that there is not.
    warnings.simplefilter("ignore", SecurityWarning)
    lanes = tuple(lanes)
    station = Station(settings, models, frozenset(lanes))
    worker = create_app(settings, station, lanes).Worker(
        pool="threads",
        concurrency=settings.worker_threads,
        queues=[lane.value for lane in lanes],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)
