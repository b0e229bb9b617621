"""Reports the polls of Celery's consumer loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from celery import Celery, bootsteps

from roadmask.schemas.jobs import Lane
from worker.work.consumption import Consumption

INTERVAL_S = 1.0


def report_polls(app: Celery, consumption: Consumption, lanes: Sequence[Lane]) -> None:
    """Let Celery's consumer loop, which takes the messages of these lanes, report to `consumption`.

    The report is a timer of the loop itself. So a loop that is blocked, or that has lost its
    connection and gets no new one, reports nothing.
    """

    class ConsumerPolls(bootsteps.StartStopStep):
        """A part of Celery's consumer."""

        def register_with_event_loop(self, _parent: Any, hub: Any) -> None:
            """Celery calls this for each new connection, and cancels the timer if it is lost."""
            hub.call_repeatedly(INTERVAL_S, consumption.polled, *lanes)

    app.steps["consumer"].add(ConsumerPolls)
