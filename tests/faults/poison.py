"""The model of the workers under faults: slow enough to be interrupted, and killed by some images.

What an image does is decided by its width, so that a test chooses it by making the image.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from tests.faults import inferences
from tests.harness.worker.tiny_model import Images

SECONDS_PER_IMAGE = 0.02
FOREVER_S = 3600
KILL, HANG, GIL_HANG, MEMORY_ERROR_ONCE = 13, 14, 15, 16
"""Widths in pixels."""
ONCE = "TINY_ONCE"
"""The environment variable with the path of a file that exists once `MEMORY_ERROR_ONCE` failed."""


def infer(images: Images) -> None:
    """Take the time of an inference, record the images, and break as their widths tell."""
    time.sleep(SECONDS_PER_IMAGE * len(images))
    inferences.record(images)
    widths = {image.shape[1] for image in images}
    if KILL in widths:
        os.kill(os.getpid(), signal.SIGKILL)
    if HANG in widths:
        time.sleep(FOREVER_S)
    if GIL_HANG in widths:
        # PyDLL, unlike CDLL, keeps Python's lock during the call.
        ctypes.PyDLL(None).sleep(FOREVER_S)
    if MEMORY_ERROR_ONCE in widths and not _is_marked():
        raise MemoryError("planted")


def _is_marked() -> bool:
    """Whether the mark was there; it is from now on."""
    try:
        Path(os.environ[ONCE]).touch(exist_ok=False)
    except FileExistsError:
        return True
    return False


if __name__ == "__main__":
    from tests.harness.worker.tiny_worker import run_tiny_worker

    sys.exit(run_tiny_worker(infer))
