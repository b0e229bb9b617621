"""Machine: the cores and the memory that this process may use, within a container too."""

from __future__ import annotations

import ctypes
import math
import os
from contextlib import suppress
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
"""Control groups of Linux: the second version has its files here, the first in folders below."""
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
"""The parameters of glibc's `mallopt` for blocks outside of a heap, and for the number of heaps."""
MMAP_THRESHOLD_BYTES = 2**17


def cores() -> int:
    """The number of cores, at least 1: those that the process may run on, within its quota."""
    # Only Linux has the affinity of a process.
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _numbers("cpu.max") or _numbers("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")
    if len(quota) == 2 and min(quota) > 0:
        count = min(count, math.ceil(quota[0] / quota[1]))
    return max(1, count)


def memory_bytes() -> int | None:
    """The memory of this machine or container, bytes; None where it cannot be determined."""
    found = []
    with suppress(AttributeError, ValueError, OSError):  # on Windows
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    found += _numbers("memory.max") or _numbers("memory/memory.limit_in_bytes")
    return min(found, default=None)


def share_heap() -> None:
    """Let all threads of this process use one heap, where the C library is glibc.

    By default each thread has its own, which keeps what the thread has freed. `MALLOC_ARENA_MAX`
    in the environment wins.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        _call_libc("mallopt", M_ARENA_MAX, 1)


def map_large_blocks() -> None:
    """Keep large blocks out of the heap, where the C library is glibc: freed, they go back at once.

    By default the limit of a large block grows with each one that is freed, to 32 MiB.
    """
    _call_libc("mallopt", M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)


def trim_heap() -> None:
    """Give freed memory back to the system, where the C library is glibc."""
    _call_libc("malloc_trim", 0)


def _call_libc(function: str, *arguments: int) -> None:
    with suppress(AttributeError, OSError, TypeError):  # TypeError: Windows has no such library
        getattr(ctypes.CDLL(None), function)(*arguments)


def _numbers(*names: str) -> list[int]:
    """The numbers in these files; none for `max`, and without the files."""
    try:
        return [int(word) for name in names for word in (CGROUP / name).read_text().split()]
    except (OSError, ValueError):
        return []
