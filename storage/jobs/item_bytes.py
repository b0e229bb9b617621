"""The byte of an item: its state in the low nibble, its attempts in the high nibble."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from roadmask.schemas.jobs import ItemState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STATES = (ItemState.QUEUED, ItemState.RUNNING, ItemState.SUCCEEDED, ItemState.FAILED)
"""States by the number in the low nibble."""
QUEUED, RUNNING, SUCCEEDED, FAILED = range(4)
MAX_ATTEMPTS = 15
"""Maximum of the high nibble."""


def is_final(byte: int) -> bool:
    """Whether the item succeeded or failed."""
    return byte & 15 >= SUCCEEDED


def attempts(byte: int) -> int:
    """Number of times the item was begun."""
    return byte >> 4


def state(byte: int, job_is_open: bool) -> ItemState:
    """State of the item. Items that a job left unfinished when it ended count as canceled."""
    return STATES[byte & 15] if job_is_open or is_final(byte) else ItemState.CANCELED


def matching(
    data: bytes, states: Collection[ItemState] | None, job_is_open: bool
) -> NDArray[np.intp]:
    """Return the positions in `data` of the items in any of the states (`None`: of all items)."""
    # Imported here to save 12 MB in the watchdog process of each worker, which does not call this.
    import numpy as np

    if states is None:
        return np.arange(len(data))
    wanted = [byte for byte in range(4) if state(byte, job_is_open) in states]
    return np.flatnonzero(np.isin(np.frombuffer(data, np.uint8) & 15, wanted))


def lua_patterns() -> str:
    """Return the states, and Lua patterns that match item bytes, as Lua constants."""
    return (
        f"local QUEUED, RUNNING, SUCCEEDED, FAILED = {QUEUED}, {RUNNING}, {SUCCEEDED}, {FAILED}\n"
        f"local UNFINISHED = '{_lua_class(QUEUED, RUNNING)}'\n"
        f"local NOT_SUCCEEDED = '{_lua_class(QUEUED, RUNNING, FAILED)}'\n"
    )


def _lua_class(*states: int) -> str:
    """A Lua character class of all item bytes in these states. No such byte needs a `%`."""
    members = [attempts << 4 | state for attempts in range(MAX_ATTEMPTS + 1) for state in states]
    # Lua 5.1 writes the byte 0 in patterns as %z.
    quoted = (f"\\{byte:03d}" if byte else "%z" for byte in members)
    return f"[{''.join(quoted)}]"
