"""Prometheus metrics of storage. Each process counts only its own events."""

from __future__ import annotations

from prometheus_client import Counter, disable_created_metrics

# The `_created` series would double the number of series, and no query uses them.
disable_created_metrics()  # type: ignore[no-untyped-call]

REDIS_ERRORS = Counter(
    "roadmask_redis_errors", "Calls to Redis that failed, by the class of the error.", ["cause"]
)
STORE_ERRORS = Counter(
    "roadmask_store_errors", "Calls to the object store that failed, by cause.", ["cause"]
)
LEASES_LOST = Counter(
    "roadmask_leases_lost", "Leases that expired or were taken while this process held them."
)
WEBHOOKS = Counter(
    "roadmask_webhooks",
    "Attempts at webhook deliveries, by the state of the delivery afterwards.",
    ["outcome"],
)
