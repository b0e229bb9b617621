"""Memory: what the C library keeps of it for later."""

from __future__ import annotations

import ctypes
import sys

ARENAS = 2
LARGE_BYTES = 2**18
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""Of glibc's malloc.h; see mallopt(3)."""


def give_back() -> None:
    """Have what decoded pictures took given back to the system as soon as they are done.

    glibc has a heap for each thread, and learns from the first large picture to keep as much in
    each. With few heaps, and everything large outside of them, nothing stays. Only glibc knows
    these settings; elsewhere nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
