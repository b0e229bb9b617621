"""Prometheus metrics of the API: requests, and the accuracy of its estimates."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime

from prometheus_client import Counter, Histogram
from starlette.types import Scope

from roadmask.schemas.jobs import Job

REQUESTS = Counter(
    "roadmask_http_requests",
    "Requests by method, route template and status.",
    ["method", "route", "status"],
)
REQUEST_SECONDS = Histogram(
    "roadmask_http_request_seconds",
    "Time until the answer began. Requests that wait for a job are left out.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
ETA_RATIO = Histogram(
    "roadmask_eta_ratio",
    "Time that a job took after its first estimate, divided by that estimate: 1 is exact, 2 means "
    "that the job took twice as long as announced.",
    buckets=(0.25, 0.5, 0.67, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 4, 10),
)
NO_ROUTE = "none"
"""Route template of an address that does not exist."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe_request(scope: Scope, status: int, seconds: float) -> None:
    """Count a request whose answer began after `seconds`."""
    route = getattr(scope.get("route"), "path", NO_ROUTE)
    # Clients may send any method, and each would be a series of its own.
    method = scope["method"] if scope["method"] in METHODS else "other"
    REQUESTS.labels(method, route, str(status)).inc()
    if not _waits(scope):
        REQUEST_SECONDS.labels(method, route).observe(seconds)


def _waits(scope: Scope) -> bool:
    """Whether the client asked to wait for a job (`?wait=`, or `Prefer: wait=`)."""
    in_query = b"wait=" in scope.get("query_string", b"")
    return in_query or any(name == b"prefer" for name, _ in scope["headers"])


class EtaAccuracy:
    """Compares the first estimate of each job that a client got with the real end of the job."""

    MAX_JOBS = 1000
    """Most estimates in memory; the oldest is dropped first."""
    LEAST_S = 1.0
    """Shorter estimates are ignored, because the poll interval distorts them."""

    def __init__(self) -> None:
        self._announced: OrderedDict[str, tuple[datetime, float]] = OrderedDict()

    def observe(self, job: Job) -> None:
        """Note the state of a job that a client gets. Call it from the event loop only."""
        if job.finished_at is not None:
            if announced := self._announced.pop(job.id, None):
                moment, eta_s = announced
                ETA_RATIO.observe(max((job.finished_at - moment).total_seconds(), 0.0) / eta_s)
        elif job.eta_seconds is not None and job.eta_seconds >= self.LEAST_S:
            self._announced.setdefault(job.id, (datetime.now(UTC), job.eta_seconds))
            if len(self._announced) > self.MAX_JOBS:
                self._announced.popitem(last=False)
