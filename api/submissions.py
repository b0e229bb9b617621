"""Back-pressure: a limit of the jobs that a client may send per second."""

from __future__ import annotations

import math

from fastapi import Request

from roadmask.errors import TooManyRequests
from roadmask.settings import Settings
from storage.access.caller import ANYBODY, Caller
from storage.rate_limits import RateLimit, RateLimits

BURST_S = 10
"""Size of a burst: a client may send the jobs of this many seconds at once."""


class SubmissionLimit:
    """Limits the jobs that a client sends, before a byte of their bodies is read."""

    def __init__(self, settings: Settings, limits: RateLimits) -> None:
        per_s = settings.max_submissions_per_s
        burst = max(1, math.ceil(BURST_S * per_s))
        self._limit = RateLimit("submissions", per_s, burst) if per_s else None
        self._limits = limits

    async def check(self, request: Request) -> None:
        """Count a request that creates a job. Raises `TooManyRequests`."""
        if self._limit is None:
            return
        wait_s = await self._limits.take(self._limit, _client(request))
        if wait_s > 0:
            raise TooManyRequests(
                f"This client may send {self._limit.per_s:g} jobs a second. Go on after the pause "
                "in Retry-After, or send more images in each job.",
                retry_after_s=math.ceil(wait_s),
            )


def _client(request: Request) -> str:
    """The owner id of a client's API key, or the client's address if the service has no keys."""
    caller: Caller = getattr(request.state, "caller", ANYBODY)
    if caller.owner is not None:
        return f"key {caller.owner}"
    return f"address {request.client.host}" if request.client else "unknown"
