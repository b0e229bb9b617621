"""Retries: which calls are sent again, and how long to pause before."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods whose effect is the same when the request arrives twice (RFC 9110, 9.2.2)."""

RETRIED_STATUSES = frozenset({429, 502, 503, 504})
"""Statuses of a passing condition."""

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0


def retry_after(response: httpx.Response) -> float | None:
    """Seconds the server asks to wait: `Retry-After` as a number or a date (RFC 9110, 10.2.3)."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


class Backoff:
    """Pauses between tries: exponential, with jitter, until `seconds` are used up."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._ceiling = FIRST_PAUSE_S

    def next_pause(self, retry_after: float | None = None) -> float | None:
        """Seconds to pause before the next try, or None when no time is left for one.

        `retry_after` is the pause that the server asks for, in seconds."""
        ceiling = self._ceiling
        self._ceiling = min(2 * ceiling, LONGEST_PAUSE_S)
        seconds = random.uniform(ceiling / 2, ceiling) if retry_after is None else retry_after
        return None if time.monotonic() + seconds > self._deadline else seconds
