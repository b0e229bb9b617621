"""`python windows.py ARGUMENTS…`: the `roadmask` program without what Windows does not have.

Modules that choose their platform when they are imported, our own not among them, are imported
first. Then POSIX modules and functions disappear, `sys.platform` changes, and a `msvcrt` appears
whose locks are those of `flock`.
"""

from __future__ import annotations

import fcntl
import multiprocessing.pool
import os
import signal
import sqlite3
import subprocess
import sys
import types
from importlib.abc import MetaPathFinder

import click
import cv2
import httpx
import numpy
import PIL.Image
import pydantic_settings
import rich.live
import zlib_ng

LOADED_FIRST = (
    *(multiprocessing.pool, sqlite3, subprocess),
    *(click, cv2, httpx, numpy, PIL.Image, pydantic_settings, rich.live, zlib_ng),
)
POSIX = ("fcntl", "grp", "pwd", "resource", "termios", "tty")


class NotOnWindows(MetaPathFinder):
    """Refuses to import modules of POSIX."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in POSIX:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def locking(descriptor: int, mode: int, count: int) -> None:
    """What `msvcrt.locking` does with a byte that another process may have locked."""
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def become_windows() -> None:
    """Take away what Windows lacks."""
    for name in POSIX:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, NotOnWindows())
    for name in ("fork", "getuid", "geteuid", "pread", "pwrite", "setsid"):
        delattr(os, name)
    for name in ("SIGKILL", "SIGHUP", "SIGUSR1"):
        delattr(signal, name)
    msvcrt = types.ModuleType("msvcrt")
    vars(msvcrt).update(locking=locking, LK_NBLCK=2)
    sys.modules["msvcrt"] = msvcrt
    sys.platform = "win32"


if __name__ == "__main__":
    become_windows()
    from roadmask.cli.main import main

    main()
