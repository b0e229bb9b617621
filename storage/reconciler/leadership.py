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
    """The place of the leader, which this process takes and keeps while it works.

    A leader that renews nothing for 3 rounds is replaced.
    """

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._process = uuid4().hex
        self._seconds = max(3 * settings.reconcile_s, 1.0)

    def take(self) -> bool:
        """Whether this process is the leader now. Its time begins anew."""
        own, leader_ms = self._process.encode(), int(self._seconds * 1000)
        while not self._redis.set(RECONCILER, own, nx=True, px=leader_ms):
            leader = self._redis.get(RECONCILER)
            if leader == own and self._redis.pexpire(RECONCILER, leader_ms):
                return True
            if leader not in (own, None):
                # Before the clock of Redis was set back, the leader's time ended later than ever
                # now.
                # A key without an end, as from a backup, would keep every leader out.
                if not 0 <= int(self._redis.pttl(RECONCILER)) <= leader_ms:
                    self._redis.pexpire(RECONCILER, leader_ms)
                return False
            # The leader's time ended between two of these commands.
        return True

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the place while the block works, however long that takes."""
        renewal = Periodic("place of the leader", self._seconds / 3, self.take)
        renewal.start()
        try:
            yield
        finally:
            renewal.stop()
