"""The in-flight table: what a process has in native code, in memory that outlives the process.

The watchdog process shares the memory. It can read the table while the process hangs, whoever holds
Python's lock, and after the process was killed.
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
"""Heartbeats, and 1 once the process has stopped in an orderly way."""
_SLOT = struct.Struct("<QdH")
"""Serial number of the entry (0: none), limit in seconds, length of the text."""
_FREE = bytes(_SLOT.size)


class InFlightEntry(NamedTuple):
    """Something that the process is doing."""

    serial: int
    limit_s: float
    """After this time it counts as hanging."""
    facts: dict[str, Any]


class InFlightTable:
    """Entries in a file that two processes map. One of them writes, with any number of threads."""

    def __init__(self, file: int) -> None:
        """`file` is the descriptor of an empty file, or of that of the other process."""
        size = _HEADER.size + SLOTS * SLOT_BYTES
        os.truncate(file, size)
        self._memory = mmap.mmap(file, size)
        self._lock = threading.Lock()
        self._free = list(range(SLOTS))
        self._serial = 0

    @property
    def beats(self) -> int:
        return int(_HEADER.unpack_from(self._memory)[0])

    @property
    def closed(self) -> bool:
        """Whether the process has stopped in an orderly way."""
        return bool(_HEADER.unpack_from(self._memory)[1])

    def beat(self) -> None:
        """Show that the threads of the process run."""
        _HEADER.pack_into(self._memory, 0, self.beats + 1, 0)

    def close(self) -> None:
        """Show that the process stops in an orderly way."""
        _HEADER.pack_into(self._memory, 0, self.beats, 1)

    @contextmanager
    def entry(self, limit_s: float, facts: Mapping[str, Any]) -> Iterator[None]:
        """Keep an entry during the `with` block, unless the table is full."""
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
        # The text comes first: a slot with a serial number is complete.
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
        # The slot may have got another entry meanwhile.
        if _SLOT.unpack_from(self._memory, start)[0] != serial:
            return None
        try:
            return InFlightEntry(serial, limit_s, json.loads(text))
        except ValueError:
            return None


def calls(table: InFlightTable) -> list[InFlightEntry]:
    """The calls into native code."""
    return [entry for entry in table.entries() if math.isfinite(entry.limit_s)]


def in_hand(running: Iterable[InFlightEntry]) -> str:
    """The images of calls, for people."""
    images = [
        f"{c.facts['image']} (job {c.facts['job']}, item {c.facts['item']}; {c.facts['call']})"
        for c in running
    ]
    return f"these images in hand: {', '.join(images)}" if images else "no image in hand"
