"""Clock: what a run costs the processor, kept on disk across interruptions."""

from __future__ import annotations

import os
import time
from pathlib import Path

_EVERY_S = 5.0


class Clock:
    """Seconds that the processor's cores together spent on a run.

    Unlike the time on the wall, it hardly depends on what else the machine does. What a crash made
    to be done again is counted again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds = float(path.read_text()) if path.exists() else 0.0
        self._mark = time.process_time()
        self._written = time.monotonic()

    def note(self) -> None:
        """Count until now, and write it down every few seconds."""
        mark, self._mark = self._mark, time.process_time()
        self.seconds += self._mark - mark
        if time.monotonic() - self._written >= _EVERY_S:
            draft = self._path.with_suffix(".draft")
            draft.write_text(repr(self.seconds))
            os.replace(draft, self._path)
            self._written = time.monotonic()
