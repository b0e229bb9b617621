"""A limit on the memory of a process that decodes untrusted files. Linux only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from roadmask.images.facts import ImageFacts
from roadmask.machine import trim_heap

FIXED_BYTES = 64 * 2**20
"""Memory that decoding may take in addition to `ImageFacts.decoding_bytes`."""

_is_on = False


def enable() -> None:
    """Let `limited_for` limit this process. Without this call `limited_for` has no effect."""
    global _is_on
    _is_on = sys.platform == "linux"


@contextmanager
def limited_for(facts: ImageFacts) -> Iterator[None]:
    """Limit this process, within the block, to the memory that decoding this image needs.

    An allocation beyond the limit fails: Python raises `MemoryError`.
    """
    if not _is_on:
        yield
        return
    import resource

    # RLIMIT_DATA, not RLIMIT_AS: the code of the libraries that decoders load must not count.
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
