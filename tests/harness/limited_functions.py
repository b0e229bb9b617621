"""Functions for a `LimitedProcess`: some end well, some take it down."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from roadmask import memory_limit
from roadmask.errors import ImageTooLarge
from roadmask.images.facts import ImageFacts


def joined(*parts: bytes, repeat: int = 1) -> bytes:
    return b"|".join(parts) * repeat


def process_id() -> bytes:
    return str(os.getpid()).encode()


def crash() -> bytes:
    os.abort()


def hang() -> bytes:
    time.sleep(3600)
    return b""


def take(megabytes: int, width: int, height: int) -> bytes:
    with memory_limit.limited_for(ImageFacts("png", width, height, 3, 8)):
        return str(len(bytearray(megabytes * 2**20))).encode()


def refuse() -> bytes:
    raise ImageTooLarge("The image is too large.")


def chatter() -> bytes:
    os.write(1, b"a library prints to stdout\n")
    return b"quiet"


FUNCTIONS: dict[str, Callable[..., bytes]] = {
    each.__name__: each for each in (joined, process_id, crash, hang, take, refuse, chatter)
}
