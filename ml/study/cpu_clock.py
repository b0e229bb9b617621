"""CPU clock: the processor time of a run, kept on disk across interruptions."""

from __future__ import annotations

import os
import time
from multiprocessing import active_children
from pathlib import Path

from roadmask.atomic import replacing

_EVERY_S = 5.0


class CpuClock:
    """Counts the CPU seconds of a run, over all cores: of this process and of its children, some of
    which prepare the views.

    Unlike wall-clock time, CPU time hardly depends on the load of the machine. Work that a crash
    undid is counted again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds = float(path.read_text()) if path.exists() else 0.0
        self._mark = _cpu_seconds()
        self._written = time.monotonic()

    def update(self) -> None:
        """Count until now, and write the sum to disk every few seconds."""
        mark, self._mark = self._mark, _cpu_seconds()
        self.seconds += self._mark - mark
        if time.monotonic() - self._written >= _EVERY_S:
            with replacing(self._path) as draft:
                draft.write_text(repr(self.seconds))
            self._written = time.monotonic()


def _cpu_seconds() -> float:
    """CPU seconds of this process and of all its children so far."""
    # The system adds a child to the times of its parent when it has ended.
    running = sum(_cpu_seconds_of(child.pid) for child in active_children())
    return running + sum(os.times()[:4])


def _cpu_seconds_of(pid: int | None) -> float:
    """CPU seconds of a running child."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # it has ended meanwhile
        return 0.0
    # proc(5): utime and stime, the 14th and 15th; the second, in brackets, may have blanks.
    user, system = facts.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
