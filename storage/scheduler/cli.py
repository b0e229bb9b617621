"""`roadmask scheduler`: run what must go on without a worker."""

from __future__ import annotations

import signal
import sys
from threading import Event

import click

from roadmask.errors import RecordsUnavailable
from roadmask.settings import Settings

SILENCE_S = 60.0
"""Time without a round of the reconciler after which `--check` fails, seconds."""


@click.command()
@click.option(
    "--check", is_flag=True, help="Exit with 0 if the reconciler ran in the last minute, else 1."
)
def scheduler(check: bool) -> None:
    """Reconcile jobs and send webhooks until SIGTERM, whether a worker runs or not.

    Without it, workers do both: then deadlines pass, webhooks go out and an emptied Redis is
    rebuilt only while a worker runs.
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
    """Why the last round of the reconciler is missing; None if it is not."""
    from storage.connections import connect_redis, records_guard
    from storage.jobs.keys import RECONCILED
    from storage.redis_text import now_ms, text

    redis = connect_redis(settings)
    try:
        with records_guard():
            last_ms = redis.hget(RECONCILED, "last_ms")
            age_s = (now_ms(redis) - int(text(last_ms or b"0"))) / 1000
    except RecordsUnavailable as error:
        return error.detail
    return None if age_s < SILENCE_S else f"The reconciler has not run for {SILENCE_S:g} s."
