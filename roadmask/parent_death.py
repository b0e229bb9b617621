"""A child process that ends when its parent dies."""

from __future__ import annotations

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def signal_at_parent_death(number: signal.Signals) -> None:
    """Let Linux send this process a signal when the thread that started it ends; elsewhere nothing.

    It may be called in a child between fork and exec.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, number)
