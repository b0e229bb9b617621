"""Watching a folder for new images that are completely written."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from roadmask.folder.state import FileState
from roadmask.images.image_files import find_images

POLL_S = 0.5
"""Pause between two scans of the folder, seconds."""
SETTLE_S = 2.0
"""A file counts as complete if it has not changed for this time, seconds."""


class FolderWatcher:
    """Scans a folder repeatedly, except the files below `out`.

    If the writer of a file pauses for long, the file is taken too early and fails as damaged. It is
    taken again after it has changed. `waiting` counts the incomplete files at the last scan.
    """

    def __init__(
        self, folder: Path, out: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.waiting: int = 0
        self._folder = folder.resolve()
        self._out = out.resolve()
        self._clock = clock
        self._seen: dict[str, tuple[FileState, float]] = {}
        self._taken: dict[str, FileState] = {}

    def wait(self, on_idle: Callable[[int], None]) -> set[str]:
        """Poll until there are complete images. After each poll, `on_idle` gets `waiting`."""
        while True:
            began = self._clock()
            if names := self.take():
                return names
            on_idle(self.waiting)
            # A scan of a large folder takes long, so scans use at most a fifth of the time.
            time.sleep(max(POLL_S, 4 * (self._clock() - began)))

    def take(self) -> set[str]:
        """Names of complete images that are new, or changed since they were taken."""
        found = [path for path in find_images(self._folder) if not path.is_relative_to(self._out)]
        taken: set[str] = set()
        self.waiting = 0
        for path in found:
            name = path.relative_to(self._folder).as_posix()
            # A file may be deleted during the scan.
            with suppress(OSError):
                state = FileState.of(path)
                if self._taken.get(name) == state:
                    continue
                if self._is_settled(name, state):
                    self._taken[name] = state
                    taken.add(name)
                else:
                    self.waiting += 1
        return taken

    def _is_settled(self, name: str, state: FileState) -> bool:
        now = self._clock()
        last, since = self._seen.get(name, (None, now))
        if last is None:
            # On the first scan only the age of the file is known.
            since = now - max(0.0, time.time() - state.changed / 1e9)
        elif last != state:
            since = now
        self._seen[name] = state, since
        return state.size > 0 and now - since >= SETTLE_S
