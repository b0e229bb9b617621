"""The keeper of leases: one thread renews those of all chunks in hand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from storage.leases import Claim, Leases
from worker.ticker import Ticker

Key = tuple[str, int, int]


def _key(claim: Claim) -> Key:
    return claim.job_id, claim.chunk, claim.token


class Keeper:
    """Renews leases three times in each `lease_s` seconds and tells who lost one."""

    def __init__(self, leases: Leases, lease_s: float) -> None:
        self._leases = leases
        self._lock = threading.Lock()
        self._held: dict[Key, tuple[Claim, threading.Event]] = {}
        self._ticker = Ticker("leases", lease_s / 3, self._renew)

    def start(self) -> None:
        """Begin to renew."""
        self._ticker.start()

    def stop(self) -> None:
        """Renew no more."""
        self._ticker.stop()

    @contextmanager
    def keep(self, claim: Claim) -> Iterator[threading.Event]:
        """Renew the claim's lease inside the `with`; the event is set once it was lost."""
        lost = threading.Event()
        with self._lock:
            self._held[_key(claim)] = claim, lost
        try:
            yield lost
        finally:
            with self._lock:
                del self._held[_key(claim)]

    def _renew(self) -> None:
        with self._lock:
            held = dict(self._held)
        if not held:
            return
        for claim in self._leases.renew([claim for claim, _ in held.values()]):
            held[_key(claim)][1].set()
