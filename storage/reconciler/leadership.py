"""Leadership: one process at a time reconciles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from redis import Redis

from roadmask.settings import Settings
from storage.jobs.keys import RECONCILER
from storage.scheduler.periodic import Periodic


class Leadership:
    """The lease of the leader. Another process takes it if it is not renewed for 3 rounds."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._process = uuid4().hex
        self._seconds = max(3 * settings.reconcile_s, 1.0)

    def take(self) -> bool:
        """Take or renew the lease. Returns whether this process is the leader."""
        own, leader_ms = self._process.encode(), int(self._seconds * 1000)
        while not self._redis.set(RECONCILER, own, nx=True, px=leader_ms):
            leader = self._redis.get(RECONCILER)
            if leader == own and self._redis.pexpire(RECONCILER, leader_ms):
                return True
            if leader not in (own, None):
                # The lease is too long if the clock of Redis was set back, and endless if the key
                # comes from a backup. Either would keep every other leader out.
                if not 0 <= int(self._redis.pttl(RECONCILER)) <= leader_ms:
                    self._redis.pexpire(RECONCILER, leader_ms)
                return False
            # The lease expired between two of these commands.
        return True

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the lease until the `with` block ends."""
        renewal = Periodic("leader lease", self._seconds / 3, self.take)
        renewal.start()
        try:
            yield
        finally:
            renewal.stop()
