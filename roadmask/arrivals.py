"""A folder that grows: which of its images are there whole, and which are still being written."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from roadmask.folders import find_images
from roadmask.ledger import FileState

LOOK_EVERY_S = 0.5
"""Pause between two looks, seconds."""
SETTLE_S = 2.0
"""A file that did not change for so long is taken to be whole, seconds."""


class Arrivals:
    """Looks at a folder again and again; what lies below `out` is left out.

    A file that is taken while its writer only paused fails as damaged, and comes again once it
    changed. `waiting` is how many files had not settled at the last look.
    """

    def __init__(
        self, folder: Path, out: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.waiting: int = 0
        self._folder = folder.resolve()
        self._out = out.resolve()
        self._clock = clock
        self._seen: dict[str, tuple[FileState, float]] = {}
        self._given: dict[str, FileState] = {}

    def wait(self, on_idle: Callable[[int], None]) -> set[str]:
        """What `take` gives once there is something; `on_idle` hears of `waiting` meanwhile."""
        while True:
            began = self._clock()
            if names := self.take():
                return names
            on_idle(self.waiting)
            # To look at a large folder takes its time; most of the time is left to others.
            time.sleep(max(LOOK_EVERY_S, 4 * (self._clock() - began)))

    def take(self) -> set[str]:
        """Names of whole images, those that came or changed since they were taken last."""
        found = [path for path in find_images(self._folder) if not path.is_relative_to(self._out)]
        taken: set[str] = set()
        self.waiting = 0
        for path in found:
            name = path.relative_to(self._folder).as_posix()
            # A file may vanish between two looks.
            with suppress(OSError):
                state = FileState.of(path)
                if self._given.get(name) == state:
                    continue
                if self._is_settled(name, state):
                    self._given[name] = state
                    taken.add(name)
                else:
                    self.waiting += 1
        return taken

    def _is_settled(self, name: str, state: FileState) -> bool:
        now = self._clock()
        last, since = self._seen.get(name, (None, now))
        if last is None:
            # At the first look only its age tells.
            since = now - max(0.0, time.time() - state.changed / 1e9)
        elif last != state:
            since = now
        self._seen[name] = state, since
        return state.size > 0 and now - since >= SETTLE_S
