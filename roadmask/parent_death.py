"""A child process that ends when its parent dies."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def signal_at_parent_death(number: signal.Signals, parent: int) -> None:
    """Let Linux send this process a signal when the thread that started it ends; elsewhere nothing.

    It may be called in a child between fork and exec. `parent` is the parent's process id: Linux
    says nothing of a parent that died before the call.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os.kill(os.getpid(), number)
