"""The Celery app of a worker: load the model, consume messages, finish current items, stop."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Iterable
from typing import Any

from celery import Celery, signals
from celery.exceptions import SecurityWarning

from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.queue import celery_config
from worker.models.loaded import LoadedModels
from worker.process import WorkerProcess
from worker.work.consumer_polls import report_polls
from worker.work.interactive_consumer import InteractiveConsumer
from worker.work.tasks import add_tasks


def create_app(settings: Settings, process: WorkerProcess, lanes: Collection[Lane]) -> Celery:
    """The Celery app, which starts and stops the process with its worker.

    If the worker serves both lanes, the interactive lane gets threads of its own, and Celery's pool
    serves only the batch lane.
    """
    # Celery's only built-in fixup is for Django. It puts the working directory on `sys.path`.
    app = Celery("roadmask", set_as_current=False, fixups=[])
    app.conf.update(celery_config(settings))
    chunks, consumption = process.chunks, process.consumption
    add_tasks(app, chunks, consumption)
    report_polls(app, consumption, _lanes_of_pool(lanes))
    interactive = None
    if set(lanes) == set(Lane):
        interactive = InteractiveConsumer(
            process.queue, chunks, consumption, settings.worker_threads
        )

    def start(**_: Any) -> None:
        try:
            process.start()
            if interactive:
                interactive.start()
        except Exception as error:
            # Celery only logs exceptions of signal handlers; SystemExit ends the worker.
            sys.exit(f"The worker cannot start: {error}")

    def stop_claiming(**_: Any) -> None:
        process.chunks.stop()

    def stop(**_: Any) -> None:
        if interactive:
            interactive.stop()
        process.stop()

    signals.worker_init.connect(start, weak=False)
    signals.worker_shutting_down.connect(stop_claiming, weak=False)
    signals.worker_shutdown.connect(stop, weak=False)
    # Keeps Celery from replacing the logging that `roadmask worker` has set up.
    signals.setup_logging.connect(lambda **_: None, weak=False)
    return app


def _lanes_of_pool(lanes: Collection[Lane]) -> list[Lane]:
    """The lanes that Celery's pool serves: only the batch lane if the worker serves both."""
    return [Lane.BATCH] if set(lanes) == set(Lane) else list(lanes)


def run_worker(settings: Settings, models: LoadedModels, lanes: Iterable[Lane]) -> int:
    """Serve the lanes, the first one first, until SIGTERM. Returns the exit code.

    Gossip, mingle and heartbeats of Celery are off: workers need not know each other, and the
    events would pile up in Redis.
    """
    # Celery warns about pickled messages, which are refused, and names an option that is gone.
    warnings.simplefilter("ignore", SecurityWarning)
    lanes = tuple(lanes)
    process = WorkerProcess(settings, models, frozenset(lanes))
    worker = create_app(settings, process, lanes).Worker(
        pool="threads",
        concurrency=settings.worker_threads,
        queues=[lane.value for lane in _lanes_of_pool(lanes)],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)
