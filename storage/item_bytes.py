"""The byte of an item: its state in the low nibble, its attempts in the high one."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from roadmask.jobs import ItemState

STATES = (ItemState.QUEUED, ItemState.RUNNING, ItemState.SUCCEEDED, ItemState.FAILED)
"""States by the number in the low nibble."""
SUCCEEDED, FAILED = 2, 3
MAX_ATTEMPTS = 15
"""What the high nibble can count to."""


def is_final(byte: int) -> bool:
    """Whether the item succeeded or failed."""
    return byte & 15 >= SUCCEEDED


def attempts(byte: int) -> int:
    """How often the item was begun."""
    return byte >> 4


def state(byte: int, job_is_open: bool) -> ItemState:
    """The item's state: what its job left unfinished when it ended was canceled."""
    return STATES[byte & 15] if job_is_open or is_final(byte) else ItemState.CANCELED


def matching(
    data: bytes, states: Collection[ItemState] | None, job_is_open: bool
) -> NDArray[np.intp]:
    """Positions in `data` of the items in any of the states (`None`: all of them)."""
    if states is None:
        return np.arange(len(data))
    wanted = [byte for byte in range(4) if state(byte, job_is_open) in states]
    return np.flatnonzero(np.isin(np.frombuffer(data, np.uint8) & 15, wanted))
