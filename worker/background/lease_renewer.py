"""Renews the leases of all chunks that this worker holds."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from storage.jobs.leases import Claim, Leases
from storage.telemetry.metrics import LEASES_LOST
from worker.background.in_flight import InFlightTable

Key = tuple[str, int, int]


def _key(claim: Claim) -> Key:
    return claim.job_id, claim.chunk, claim.token


class LeaseRenewer:
    """Renews all leases with one call to Redis, and notifies the holder of a lost lease.

    The leases are entries of the in-flight table, so the watchdog process can release them if this
    process dies.
    """

    def __init__(self, leases: Leases, table: InFlightTable) -> None:
        self._leases = leases
        self._table = table
        self._lock = threading.Lock()
        self._held: dict[Key, tuple[Claim, threading.Event]] = {}

    @contextmanager
    def hold(self, claim: Claim) -> Iterator[threading.Event]:
        """Keep the lease until the `with` block ends; the event is set if the lease is lost."""
        lost = threading.Event()
        with self._lock:
            self._held[_key(claim)] = claim, lost
        try:
            with self._table.entry(math.inf, {"lease": claim.lease}):
                yield lost
        finally:
            with self._lock:
                del self._held[_key(claim)]

    def renew(self) -> None:
        """Renew the leases that are held. Raises `RecordsUnavailable`."""
        with self._lock:
            held = dict(self._held)
        if not held:
            return
        for claim in self._leases.renew([claim for claim, _ in held.values()]):
            LEASES_LOST.inc()
            held[_key(claim)][1].set()
