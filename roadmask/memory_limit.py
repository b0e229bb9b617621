"""A limit on the memory of a process that decodes files of strangers. Linux only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from roadmask.images.facts import ImageFacts
from roadmask.machine import trim_heap

FIXED_BYTES = 64 * 2**20
"""Memory that decoding may take beside that for each pixel."""

_is_on = False


def enable() -> None:
    """Let `limited_for` limit this process from now on. Elsewhere it has no effect."""
    global _is_on
    _is_on = sys.platform == "linux"


@contextmanager
def limited_for(facts: ImageFacts) -> Iterator[None]:
    """Let this process take what decoding this image justifies, and no more, in the block.

    Beyond the limit allocations fail: Python raises `MemoryError`.
    """
    if not _is_on:
        yield
        return
    import resource

    # Data, not address space: the code of libraries that decoders load is no memory of theirs.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[5]) * resource.getpagesize()
    limit = now + facts.decoding_bytes + FIXED_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def free() -> None:
    """Give freed memory back to the system, in a process that is limited."""
    if _is_on:
        trim_heap()
