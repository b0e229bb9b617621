"""Reports the turns of Celery's consumer loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from celery import Celery, bootsteps

from roadmask.schemas.jobs import Lane
from worker.work.consumption import Consumption

INTERVAL_S = 1.0


def report_turns(app: Celery, consumption: Consumption, lanes: Sequence[Lane]) -> None:
    """Let the loop that takes Celery's messages of these lanes report its turns to `consumption`.

    The timer is one of the loop's own: a loop that is blocked, or that lost its connection and does
    not get another, reports nothing.
    """

    class ConsumerTurns(bootsteps.StartStopStep):
        """A part of Celery's consumer."""

        def register_with_event_loop(self, _parent: Any, hub: Any) -> None:
            """Called with each new connection. Celery cancels the timer when that one is lost."""
            hub.call_repeatedly(INTERVAL_S, consumption.turn, *lanes)

    app.steps["consumer"].add(ConsumerTurns)
