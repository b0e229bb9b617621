"""When to try a request again, and how long to pause before it."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

SAFE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods that mean the same when they arrive twice."""

PASSING_STATUSES = frozenset({429, 502, 503, 504})
"""Answers that say "not now" rather than "no"."""

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0


def retry_after(response: httpx.Response) -> float | None:
    """Seconds the server asks to wait: `Retry-After` as a number or a date (RFC 9110, 10.2.3)."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


class Patience:
    """The pauses between tries, growing and jittered, until `seconds` are used up."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._tries = 0

    def next_pause(self, asked: float | None = None) -> float | None:
        """Seconds to sleep before the next try; `asked` is what the server wants.

        None: no time is left."""
        ceiling = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**self._tries)
        seconds = random.uniform(ceiling / 2, ceiling) if asked is None else asked
        self._tries += 1
        return None if time.monotonic() + seconds > self._deadline else seconds
