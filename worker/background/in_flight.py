"""The in-flight table: the calls into native code that a worker makes, and the leases it holds.

The watchdog process shares the memory of the table. So it can read the table while the worker hangs
with the GIL held, and after the worker was killed.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

SLOTS = 1024
SLOT_BYTES = 1024
_HEADER = struct.Struct("<QQ")
"""Number of heartbeats; 1 once the process has stopped in an orderly way, else 0."""
_SLOT = struct.Struct("<QdH")
"""Serial number of the entry (0: none), limit in seconds, length of the text."""
_FREE = bytes(_SLOT.size)


class InFlightEntry(NamedTuple):
    """A call into native code, or a lease."""

    serial: int
    limit_s: float
    """A call that takes longer counts as hung; infinite for a lease."""
    facts: dict[str, Any]


class InFlightTable:
    """Entries in a file that the worker and its watchdog process map. Only the worker writes."""

    def __init__(self, file: int) -> None:
        """`file` is the descriptor of an empty file, or of the file of another table."""
        size = _HEADER.size + SLOTS * SLOT_BYTES
        os.truncate(file, size)
        self._memory = mmap.mmap(file, size)
        self._lock = threading.Lock()
        self._free = list(range(SLOTS))
        self._serial = 0

    @property
    def beats(self) -> int:
        """Number of calls of `beat`."""
        return int(_HEADER.unpack_from(self._memory)[0])

    @property
    def closed(self) -> bool:
        """Whether the process has stopped in an orderly way."""
        return bool(_HEADER.unpack_from(self._memory)[1])

    def beat(self) -> None:
        """Count one heartbeat, which shows that the threads of the process run."""
        _HEADER.pack_into(self._memory, 0, self.beats + 1, 0)

    def close(self) -> None:
        """Note that the process stops in an orderly way."""
        _HEADER.pack_into(self._memory, 0, self.beats, 1)

    @contextmanager
    def entry(self, limit_s: float, facts: Mapping[str, Any]) -> Iterator[None]:
        """Keep an entry during the `with` block, unless the table is full or `facts` too long."""
        text = json.dumps(facts, ensure_ascii=False).encode()
        with self._lock:
            fits = self._free and _SLOT.size + len(text) <= SLOT_BYTES
            slot = self._free.pop() if fits else None
            self._serial += 1
            serial = self._serial
        if slot is None:
            yield
            return
        start = _HEADER.size + slot * SLOT_BYTES
        body = start + _SLOT.size
        # The serial number is written last: a slot that has one is complete.
        self._memory[body : body + len(text)] = text
        _SLOT.pack_into(self._memory, start, serial, limit_s, len(text))
        try:
            yield
        finally:
            self._memory[start:body] = _FREE
            with self._lock:
                self._free.append(slot)

    def entries(self) -> list[InFlightEntry]:
        """All entries, in the order in which they were made."""
        found = (self._read(_HEADER.size + slot * SLOT_BYTES) for slot in range(SLOTS))
        return sorted((entry for entry in found if entry is not None), key=lambda e: e.serial)

    def _read(self, start: int) -> InFlightEntry | None:
        serial, limit_s, length = _SLOT.unpack_from(self._memory, start)
        if not serial:
            return None
        text = self._memory[start + _SLOT.size : start + _SLOT.size + length]
        # Meanwhile the slot may hold another entry.
        if _SLOT.unpack_from(self._memory, start)[0] != serial:
            return None
        try:
            return InFlightEntry(serial, limit_s, json.loads(text))
        except ValueError:
            return None


def calls(table: InFlightTable) -> list[InFlightEntry]:
    """The calls into native code."""
    return [entry for entry in table.entries() if math.isfinite(entry.limit_s)]


def images_of(running: Iterable[InFlightEntry]) -> str:
    """The images of calls, as a phrase for log lines."""
    images = [
        f"{facts['image']} (job {facts['job']}, item {facts['item']}; {facts['call']})"
        for _, _, facts in running
    ]
    return f"these images in flight: {', '.join(images)}" if images else "no image in flight"
