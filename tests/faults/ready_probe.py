"""Asks a service again and again whether it is ready, while something else happens."""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import Self

import httpx

PAUSE_S = 0.5


class ReadyProbe:
    """A context in which `/readyz` is asked; `slowest_s` is the time of the slowest answer.

    An API that is killed or restarted gives no answer, and is asked again.
    """

    def __init__(self, url: str) -> None:
        self.slowest_s = 0.0
        self._url = f"{url}/readyz"
        self._ending = Event()
        self._thread = Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx.Client(timeout=30) as http:
            while not self._ending.wait(PAUSE_S):
                begun = time.monotonic()
                try:
                    http.get(self._url)
                except httpx.TimeoutException:
                    pass  # that is an answer that never came
                except httpx.TransportError:
                    continue
                self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
