"""A gate that holds threads until it is opened."""

from __future__ import annotations

import threading


class Gate:
    """Whoever passes waits until the gate is open; once open it stays so."""

    def __init__(self) -> None:
        self._arrived = threading.Event()
        self._open = threading.Event()

    def pass_through(self) -> None:
        self._arrived.set()
        assert self._open.wait(20), "nobody opened the gate"

    def arrived(self) -> bool:
        return self._arrived.is_set()

    def wait_for_arrival(self) -> None:
        assert self._arrived.wait(20), "nobody came to the gate"

    def open(self) -> None:
        self._open.set()
