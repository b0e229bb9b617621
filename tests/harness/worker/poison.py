"""Faults of decoders and models, planted in images that are 13 pixels wide.

`python -m tests.harness.worker.poison FAULT MAX_PIXELS` is a sandbox server with such a decoder.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from roadmask.images import decoding
from worker.pipeline import sandbox_server

POISON_WIDTH = 13


def hang_with_lock() -> None:
    """Sleep without releasing Python's lock."""
    ctypes.PyDLL(None).sleep(3600)


def exhaust_memory() -> None:
    raise MemoryError("no room for 150 MB")


FAULTS: dict[str, Callable[[], object]] = {
    "abort": os.abort,
    "exit-0": lambda: os._exit(0),
    "system-exit": lambda: sys.exit(0),
    "hang": lambda: time.sleep(3600),
    "hang-with-lock": hang_with_lock,
    "memory": exhaust_memory,
}


def poisoned(decode: Callable[..., Any], fault: str) -> Callable[..., Any]:
    """A decoder that meets a fault after it has decoded a poisoned image."""

    def decode_and_fail(*arguments: Any) -> Any:
        decoded = decode(*arguments)
        if decoded.pixels.shape[1] == POISON_WIDTH:
            FAULTS[fault]()
        return decoded

    return decode_and_fail


def command(fault: str) -> list[str]:
    """The command line of the server of a poisoned sandbox."""
    return [sys.executable, "-m", "tests.harness.worker.poison", fault]


if __name__ == "__main__":
    vars(sandbox_server)["decode_sniffed"] = poisoned(decoding.decode_sniffed, sys.argv.pop(1))
    sandbox_server.main()
