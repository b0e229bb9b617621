"""Watches for a restart of Redis and for clocks that step: Redis's, and this machine's."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from redis import Redis

from storage.redis_text import now_ms

STEP_MS = 2000
"""Smallest difference that counts as a step of a clock, ms. A smaller one may be a slow reply."""

log = logging.getLogger(__name__)


class ClockWatch:
    """Compares clocks with the monotonic clock, which neither an administrator nor NTP sets.

    The suspension of a machine looks like a clock that was set forward, and needs the same care.
    """

    def __init__(
        self,
        redis: Redis,
        grace_ms: int,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._grace_ms = grace_ms
        self._monotonic_s = monotonic
        self._wall_s = wall
        self._offsets: dict[str, float] = {}
        """Time of each clock minus the monotonic time, ms."""
        self._steady_from = 0.0
        self._run_id: str | None = None

    def observe(self) -> int:
        """Read the clocks. Returns the step of Redis's clock since the last call, ms; usually 0."""
        self._notice_restart()
        before = self._monotonic_ms()
        redis_ms, wall_ms = now_ms(self._redis), self._wall_s() * 1000
        trip = self._monotonic_ms() - before
        self._step("This machine's", wall_ms - before, trip)
        step = self._step("Redis's", redis_ms - before, trip)
        if step:
            self._steady_from = self._monotonic_ms() + self._grace_ms
        return step

    def _notice_restart(self) -> None:
        """After a restart of Redis, give the holders of leases `grace_ms` to renew them."""
        server = self._redis.info("server")
        if server["run_id"] == self._run_id:
            return
        self._run_id = server["run_id"]
        # The uptime is negative if the clock was set back since the start of Redis.
        uptime_ms = max(int(server["uptime_in_seconds"]) * 1000, 0)
        self._steady_from = self._monotonic_ms() + max(self._grace_ms - uptime_ms, 0)

    def expected_ms(self) -> int:
        """Return the time that Redis's clock shows now if it has not stepped, ms since 1970.

        0 for a while after a step or a start of Redis, so that workers can renew their leases.
        """
        now = self._monotonic_ms()
        return int(now + self._offsets["Redis's"]) if now >= self._steady_from else 0

    def _step(self, whose: str, offset: float, trip: float) -> int:
        last = self._offsets.get(whose, offset)
        self._offsets[whose] = offset
        step = round(offset - last)
        if abs(step) < STEP_MS + trip:
            return 0
        direction = "forward" if step > 0 else "back"
        log.warning("%s clock was set %s by %.1f s", whose, direction, abs(step) / 1000)
        return step

    def _monotonic_ms(self) -> float:
        return self._monotonic_s() * 1000
