"""`roadmask scheduler`: run the periodic duties of the service without a worker."""

from __future__ import annotations

import signal
import sys
from threading import Event

import click

from roadmask.errors import RecordsUnavailable
from roadmask.settings import Settings


@click.command()
@click.option("--check", is_flag=True, help="Exit with 0 if the reconciler does its rounds.")
def scheduler(check: bool) -> None:
    """Reconcile jobs and send webhooks until SIGTERM, whether a worker runs or not.

    Workers do both, too. Without a scheduler, jobs expire, webhooks are sent and an emptied Redis
    is rebuilt only while a worker runs.
    """
    settings = Settings()
    if check:
        sys.exit(_problem(settings))
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    from storage.scheduler.scheduler import Scheduler
    from storage.telemetry.logs import configure_logging

    configure_logging(settings.log_format)
    running = Scheduler(settings)
    running.start()
    stopping.wait()
    running.stop()


def _problem(settings: Settings) -> str | None:
    """Why the reconciler counts as stalled; None if its last round is recent."""
    from storage.connections import connect_redis, records_guard
    from storage.reconciler.report import read_report

    try:
        with records_guard():
            problem = read_report(connect_redis(settings)).problem(settings.reconcile_s)
    except RecordsUnavailable as error:
        return error.detail
    return problem.detail if problem else None
