"""A managed process: started, restarted with a back-off when it dies, stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from roadmask.parent_death import signal_at_parent_death

MAX_LOG_BYTES = 10 * 2**20
"""A larger log is renamed when its process starts."""
FIRST_PAUSE_S, MAX_PAUSE_S = 0.5, 30.0
"""Seconds before a restart: the pause doubles after each crash, up to the maximum."""
STDERR = 2
STABLE_S = 30.0
"""Seconds of running after which earlier crashes no longer count."""


class ManagedProcess:
    """A process with its log file, or with the log of this process.

    The threads that call `start` and `restart_if_dead` must outlive the process.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path | None, env: Mapping[str, str], lock: int
    ) -> None:
        """Without `log` it writes to this process's standard error.

        `lock` is inherited: the folder stays locked as long as the process lives.
        """
        self.name = name
        self.log = log
        self.crashes: int = 0
        self._command = list(command)
        self._env = dict(env)
        self._lock = lock
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._due: float | None = None

    @property
    def pid(self) -> int | None:
        """The process id, or None while it does not run."""
        alive = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and alive else None

    def start(self) -> None:
        """Start the process; its output is appended to its log.

        Raises `OSError` and `subprocess.SubprocessError`.
        """
        with self._open_log() as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                pass_fds=(self._lock,),
                # Ctrl-C in a terminal reaches only the parent, which stops all in order.
                start_new_session=True,
                preexec_fn=partial(_die_with, os.getpid()),
            )
        self._started = time.monotonic()
        self._due = None

    def restart_if_dead(self) -> str | None:
        """Restart a dead process after its pause; a message if it died or was restarted."""
        if self._process is None or self._process.poll() is None:
            if self.crashes and time.monotonic() - self._started > STABLE_S:
                self.crashes, self._pause_s = 0, FIRST_PAUSE_S
            return None
        if self._due is None:
            return self._schedule(self._exit())
        if time.monotonic() < self._due:
            return None
        try:
            self.start()
        except Exception as error:  # memory or processes are used up, or the disk of the log
            return self._schedule(f"does not start: {error}")
        return f"{self.name} was restarted"

    def terminate(self) -> None:
        """Ask the process to finish its work in progress and exit."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def wait(self, timeout: float | None) -> None:
        """Wait until the process exits; kill it after `timeout` seconds."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        if self.log is None:
            return "(see above)"
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _open_log(self) -> BinaryIO:
        if self.log is None:
            return os.fdopen(os.dup(STDERR), "wb")
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        return self.log.open("ab")

    def _schedule(self, cause: str) -> str:
        """Schedule the next start; the message with the cause."""
        pause, self._pause_s = self._pause_s, min(2 * self._pause_s, MAX_PAUSE_S)
        self.crashes += 1
        self._due = time.monotonic() + pause
        where = f" ({self.log})" if self.log else ""
        return f"{self.name} {cause}; restarting it in {pause:g} s{where}"

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _exit(self) -> str:
        code = self._process.returncode if self._process else 0
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"


def _die_with(parent: int) -> None:
    # On other systems than Linux the inherited lock keeps a second stack away from the data.
    signal_at_parent_death(signal.SIGTERM, parent)
