"""A lock on a folder, so that one process at a time works in it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Self

from roadmask.errors import Conflict


class FolderLock:
    """Held from `with` to its end, or to the death of this process and of all who inherited it.

    `name` is the lock file's name and `purpose` what the holder is called in the message.
    Raises `Conflict` when another process holds it.
    """

    def __init__(self, folder: Path, name: str, purpose: str, patience: float = 0.0) -> None:
        self._path = folder / name
        self._purpose = purpose
        self._patience = patience
        self._fd = -1

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + self._patience
        while not self._try():
            holder = self._holder()
            # A holder that was killed leaves children behind, which are on their way out.
            if _is_alive(holder) or time.monotonic() > deadline:
                os.close(self._fd)
                raise Conflict(
                    f"{self._purpose} is running on {self._path.parent} already (process "
                    f"{holder or 'unknown'}). Stop it first, or use another folder."
                )
            time.sleep(0.1)
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def fileno(self) -> int:
        """The descriptor that holds the lock; whoever inherits it holds it as well."""
        return self._fd

    def _try(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _holder(self) -> int:
        text = os.pread(self._fd, 20, 0)
        return int(text) if text.isdigit() else 0


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
