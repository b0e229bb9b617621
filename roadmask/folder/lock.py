"""A lock on a folder, so that only one process at a time works in it."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from typing import Self

from roadmask.errors import Conflict

if sys.platform == "win32":
    import msvcrt

    LOCKED_BYTE = 2**30
    """Beyond the content, because on Windows other processes cannot read a locked byte."""

    def _lock(fd: int) -> None:
        os.lseek(fd, LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


HELD = frozenset({errno.EAGAIN, errno.EACCES})
"""Errors of a lock that another process holds, on POSIX and on Windows."""


class FolderLock:
    """A context that holds the lock file `name` in `folder`, which contains the pid of the holder.

    A child process that inherits `fileno()` keeps the lock after the death of this process. If the
    holder has died, entering waits up to `patience` seconds for its children. `purpose` names the
    holder in the message. Raises `Conflict` if another process holds the lock, and `OSError` if
    files cannot be locked, for example on some network disks.
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
            if time.monotonic() >= deadline or _is_alive(holder):
                os.close(self._fd)
                raise Conflict(
                    f"{self._purpose} is running on {self._path.parent} already (process "
                    f"{holder or 'unknown'}). Stop it first, or use another folder."
                )
            time.sleep(0.1)
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, str(os.getpid()).encode())
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def fileno(self) -> int:
        """The descriptor that holds the lock."""
        return self._fd

    def _try(self) -> bool:
        try:
            _lock(self._fd)
        except OSError as error:
            if error.errno in HELD:
                return False
            os.close(self._fd)
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        return True

    def _holder(self) -> int:
        os.lseek(self._fd, 0, os.SEEK_SET)
        text = os.read(self._fd, 20)
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
