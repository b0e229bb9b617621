"""glibc's malloc: how much freed memory it keeps for later."""

from __future__ import annotations

import ctypes
import sys

MAX_ARENAS = 1
MMAP_THRESHOLD_BYTES = 2**17
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""Parameters of mallopt(3), from glibc's malloc.h."""


def tune_malloc() -> None:
    """Make malloc return the memory of decoded images to the system as soon as they are freed.

    By default glibc keeps a heap for each thread, and after the first large image it keeps as much
    memory in each heap. With one heap and large blocks outside of it, nothing stays. On other C
    libraries this function does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, MAX_ARENAS)
        mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
