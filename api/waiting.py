"""How long a client is willing to wait for an answer (RFC 7240, `Prefer: wait`)."""

from __future__ import annotations

import re

LONGEST_WAIT_S = 60
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=[,;]|$)", re.IGNORECASE)


def preferred_wait(prefer: str | None) -> int | None:
    """Seconds the `Prefer` header asks to wait, at most `LONGEST_WAIT_S`; None when it does not."""
    match = _WAIT.search(prefer or "")
    return min(int(match[1]), LONGEST_WAIT_S) if match else None
