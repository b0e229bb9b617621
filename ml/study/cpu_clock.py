"""CPU clock: the processor time of a run, kept on disk across interruptions."""

from __future__ import annotations

import time
from pathlib import Path

from roadmask.atomic import replacing

_EVERY_S = 5.0


class CpuClock:
    """Counts the CPU seconds of a run, over all cores.

    Unlike wall-clock time, CPU time hardly depends on the load of the machine. Work that a crash
    undid is counted again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds = float(path.read_text()) if path.exists() else 0.0
        self._mark = time.process_time()
        self._written = time.monotonic()

    def update(self) -> None:
        """Count until now, and write the sum to disk every few seconds."""
        mark, self._mark = self._mark, time.process_time()
        self.seconds += self._mark - mark
        if time.monotonic() - self._written >= _EVERY_S:
            with replacing(self._path) as draft:
                draft.write_text(repr(self.seconds))
            self._written = time.monotonic()
