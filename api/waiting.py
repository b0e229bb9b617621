"""How long a client is willing to wait for an answer (RFC 7240, `Prefer: wait`)."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header, Query

LONGEST_WAIT_S = 60
Wait = Annotated[
    float | None, Query(ge=0, le=LONGEST_WAIT_S, description="Seconds to wait for its end.")
]
Prefer = Annotated[str | None, Header(description="`wait=10` does the same.")]
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=[,;]|$)", re.IGNORECASE)


def preferred_wait(prefer: str | None) -> int | None:
    """Seconds the `Prefer` header asks to wait, at most `LONGEST_WAIT_S`; None when it does not."""
    match = _WAIT.search(prefer or "")
    return min(int(match[1]), LONGEST_WAIT_S) if match else None


def waiting_time(wait: float | None, prefer: str | None) -> tuple[float, dict[str, str]]:
    """Seconds to wait, `wait` before `Prefer`, and the headers that tell of an obeyed `Prefer`."""
    preferred = preferred_wait(prefer) if wait is None else None
    if preferred is None:
        return wait or 0.0, {}
    return preferred, {"Preference-Applied": f"wait={preferred}"}
