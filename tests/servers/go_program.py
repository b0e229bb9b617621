"""Programs of Go: from PATH, or built from their published module once per machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click


@dataclass(frozen=True)
class GoProgram:
    """A program, the package that it is built from, and its version on Go's module proxy."""

    name: str
    package: str
    version: str
    tags: str = ""
    """Build tags, with commas between them."""

    @property
    def is_available(self) -> bool:
        """Whether it can run here, possibly after a build of some minutes."""
        return any((shutil.which(self.name), self._cached.is_file(), shutil.which("go")))

    def executable(self) -> Path:
        """Return the path; build it when neither PATH nor the cache has one."""
        if found := shutil.which(self.name):
            return Path(found)
        binary = self._cached
        if not binary.is_file():
            binary.parent.mkdir(parents=True, exist_ok=True)
            with (binary.parent / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                # Another process may have built it while this one waited.
                if not binary.is_file():
                    self._build(binary)
        return binary

    @property
    def origin(self) -> str:
        """Where it comes from, for the header of a test run."""
        if shutil.which(self.name):
            return "from PATH"
        return f"{self.version}, {'built' if self._cached.is_file() else 'to be built'} with go"

    def _build(self, binary: Path) -> None:
        click.echo(f"building {self.name} {self.version} with Go, once, into {binary}", err=True)
        with tempfile.TemporaryDirectory(dir=binary.parent) as folder:
            draft = Path(folder) / "program"
            # In a module of its own: `go install` refuses modules with `replace` directives.
            commands = (
                ["go", "mod", "init", "program"],
                ["go", "get", f"{self.package}@{self.version}"],
                ["go", "build", "-tags", self.tags, "-o", str(draft), self.package],
            )
            for command in commands:
                built = subprocess.run(command, cwd=folder, env=os.environ | {"CGO_ENABLED": "0"})
                if built.returncode:
                    raise RuntimeError(
                        f"{self.name} could not be built: see above. Put one on PATH, or run the "
                        "tests with a PATH that has no `go`: they then use the other object stores."
                    )
            draft.replace(binary)

    @property
    def _cached(self) -> Path:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cache.absolute() / "roadmask" / self.name / self.version / self.name
