"""Masks that an outage of the object store has left unstored, kept so that none is made twice."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from storage.masks.facts import MaskFacts
from storage.objects.keys import MaskKeys

MAX_BYTES = 64 * 2**20
"""Beyond this size the oldest masks are dropped, and their images are inferred again."""


@dataclass(frozen=True, slots=True)
class EncodedMask:
    """A mask as it is stored."""

    flight: str
    """`ImageTask.flight` of its task."""
    keys: MaskKeys
    png: bytes
    confidence_png: bytes | None
    facts: MaskFacts
    """Facts without the hashes and sizes of the stored PNGs."""

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.png) + len(self.confidence_png or b"")


class UnstoredMasks:
    """Up to `max_bytes` of masks, the oldest first. Safe for several threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._masks: OrderedDict[str, EncodedMask] = OrderedDict()
        self._size = 0

    def keep(self, mask: EncodedMask) -> None:
        with self._lock:
            self._remove(mask.flight)
            self._masks[mask.flight] = mask
            self._size += mask.size
            while self._size > self._max_bytes:
                self._remove(next(iter(self._masks)))

    def take(self, flight: str | None = None) -> EncodedMask | None:
        """Remove and return a mask, by default the oldest; None if it is not here."""
        with self._lock:
            if flight is None:
                flight = next(iter(self._masks), "")
            return self._remove(flight)

    def _remove(self, flight: str) -> EncodedMask | None:
        mask = self._masks.pop(flight, None)
        self._size -= mask.size if mask else 0
        return mask
