"""The clock of this machine, which may differ from Redis's (`storage.redis_text.now_ms`)."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)
