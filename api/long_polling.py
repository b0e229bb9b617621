"""Long polling: how long a client wants to wait for an answer (`wait=`, or RFC 7240 `Prefer`)."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header, Query

MAX_WAIT_S = 60
Wait = Annotated[
    float | None,
    Query(ge=0, le=MAX_WAIT_S, description="Seconds to wait for the end of the job."),
]
Prefer = Annotated[str | None, Header(description="`wait=10` is the same as the query `wait=10`.")]
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=[,;]|$)", re.IGNORECASE)


def preferred_wait(prefer: str | None) -> int | None:
    """Seconds that a `Prefer` header asks to wait, at most `MAX_WAIT_S`; None without `wait`."""
    match = _WAIT.search(prefer or "")
    return min(int(match[1]), MAX_WAIT_S) if match else None


def waiting_time(wait: float | None, prefer: str | None) -> tuple[float, dict[str, str]]:
    """Seconds to wait, and the headers of the answer. `wait` takes precedence over `Prefer`."""
    preferred = preferred_wait(prefer) if wait is None else None
    if preferred is None:
        return wait or 0.0, {}
    return preferred, {"Preference-Applied": f"wait={preferred}"}
