"""Readiness: whether a job that is accepted now would be completed, and if not, why."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from roadmask.errors import (
    RecordsUnavailable,
    StoreUnavailable,
    Unavailable,
    WorkersUnavailable,
)
from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.connections import connect_probe
from storage.objects.store import ObjectStore
from storage.telemetry.background_check import BackgroundCheck
from storage.telemetry.service_state import ServiceState, read_service_state

DEADLINE_S = 1.5
"""Longest wait for the checks, seconds. Probes usually wait 2 to 5 seconds."""
FRESH_S = 1.0
"""Age up to which a result is reused, so that probes are cheap, seconds."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The outcome of all checks."""

    checks: dict[str, Unavailable | None]
    """By name, root causes first: the error of the check, or None."""
    state: ServiceState | None
    """State of the service; None if Redis does not answer."""

    @property
    def problem(self) -> Unavailable | None:
        """The first failure, with all checks as a member of its problem object."""
        error = next(filter(None, self.checks.values()), None)
        return None if error is None else type(error)(error.detail, checks=self.summary())

    def summary(self) -> dict[str, str]:
        """By check: `ok`, or why it failed."""
        return {name: error.detail if error else "ok" for name, error in self.checks.items()}


class ReadinessChecks:
    """Checks Redis and the object store by writes, and workers and reconciler by their reports.

    `run` answers within `DEADLINE_S` seconds, even if Redis or the store hangs.
    """

    def __init__(self, settings: Settings, store: ObjectStore) -> None:
        self._redis = connect_probe(settings)
        self._object_store = store
        self._reconcile_s = settings.reconcile_s
        self._records = BackgroundCheck("check-redis", self._read_state, FRESH_S)
        self._store = BackgroundCheck("check-store", self._check_store, FRESH_S)

    async def run(self) -> Readiness:
        """Run the checks, or return results that are still fresh."""
        records, store = self._records.result(), self._store.result()
        runs = (asyncio.wrap_future(records), asyncio.wrap_future(store))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.gather(*runs)), DEADLINE_S)
        state: ServiceState | Unavailable
        state = records.result() if records.done() else self._hanging_redis()
        stored = store.result() if store.done() else self._hanging_store()
        if isinstance(state, Unavailable):
            return Readiness({"redis": state, "store": stored}, None)
        checks = {
            "redis": state.write_error,
            "store": stored,
            "workers": worker_problem(state),
            "reconciler": state.reconciler.problem(self._reconcile_s),
        }
        return Readiness(checks, state)

    def close(self) -> None:
        """Close the connection to Redis."""
        self._redis.close()

    def _read_state(self) -> ServiceState | Unavailable:
        try:
            return read_service_state(self._redis)
        except Unavailable as error:
            return error
        except Exception as error:
            return RecordsUnavailable(f"Redis answers wrongly: {type(error).__name__}: {error}.")

    def _check_store(self) -> Unavailable | None:
        try:
            self._object_store.check()
        except Unavailable as error:
            return error
        except Exception as error:
            return StoreUnavailable(
                f"The object store answers wrongly: {type(error).__name__}: {error}."
            )
        return None

    def _hanging_redis(self) -> Unavailable:
        return RecordsUnavailable(
            "Redis, which keeps the job records, has not answered for "
            f"{self._records.running_s:.1f} s. Check its process and the network to it."
        )

    def _hanging_store(self) -> Unavailable:
        return StoreUnavailable(
            f"The object store has not answered for {self._store.running_s:.1f} s. Check its "
            "process or disk, and the network to it."
        )


def worker_problem(state: ServiceState) -> Unavailable | None:
    """Why jobs of a lane wait; None if every lane has a worker that can complete images."""
    reasons = dict.fromkeys(filter(None, (_lane_problem(state, lane) for lane in Lane)))
    return WorkersUnavailable(" ".join(reasons)) if reasons else None


def _lane_problem(state: ServiceState, lane: Lane) -> str | None:
    consumers = state.consumers(lane)
    if not consumers and not state.workers:
        return "No worker runs, or none consumes: jobs wait. Start one with `roadmask worker`."
    if not consumers:
        return f"No worker consumes the lane {lane}. Start one with `roadmask worker`."
    outages = [worker.outage for worker in consumers]
    if all(outages):
        return f"No worker can finish its images: {outages[0]}"
    return None
