"""A process that is kept alive: started, watched, started again when it dies, stopped."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

LARGEST_LOG = 10 * 2**20
"""A log beyond this many bytes is set aside when its process starts."""
LONGEST_PAUSE_S = 30.0
STEADY_S = 30.0
"""Seconds of life after which a process counts as sound again."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child:
    """One process with its log file. `start` and `watch` belong to one thread that outlives it."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str], lock: int
    ) -> None:
        """`lock` is a descriptor to inherit: the folder stays locked while the process lives."""
        self.name = name
        self.log = log
        self.crashes: int = 0
        self._command = list(command)
        self._env = dict(env)
        self._lock = lock
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._due: float | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        alive = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and alive else None

    def start(self) -> None:
        """Start the process; what it prints goes to the end of its log."""
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".old.log"))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                pass_fds=(self._lock,),
                # Ctrl-C in a terminal goes to the parent alone, which stops all in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self._started = time.monotonic()
        self._due = None

    def watch(self) -> str | None:
        """Start the process again when it died and its pause is over; news in words, or None."""
        if self._process is None or self._process.poll() is None:
            if self.crashes and time.monotonic() - self._started > STEADY_S:
                self.crashes = 0
            return None
        if self._due is None:
            pause = min(LONGEST_PAUSE_S, 0.5 * 2**self.crashes)
            self.crashes += 1
            self._due = time.monotonic() + pause
            return f"{self.name} {self._ending()}; starting it again in {pause:g} s ({self.log})"
        if time.monotonic() < self._due:
            return None
        self.start()
        return f"{self.name} was started again"

    def terminate(self) -> None:
        """Ask the process to finish what it has in hand and end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once."""
        self._signal(signal.SIGKILL)

    def wait(self, timeout: float | None) -> None:
        """Wait for the end of the process; kill it after `timeout` seconds."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _ending(self) -> str:
        code = self._process.returncode if self._process else 0
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


def _die_with_parent() -> None:
    # On Linux the kernel ends the child when its parent is killed; elsewhere the lock that the
    # child inherited keeps a second stack away from its data.
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
