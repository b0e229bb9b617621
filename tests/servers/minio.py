"""A real MinIO: the one on PATH, else one built from source with Go, once for this machine.

`python -m tests.servers.minio` prints where the server is, building it where that is needed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import click
import httpx

from tests.servers.process import HOST, Server, free_port

VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
"""The last commit of the archived repository that Go's module proxy resolves `latest` to."""
ACCESS_KEY, SECRET_KEY = "roadmask", "roadmask-tests"


class MinioServer(Server):
    """MinIO on one folder, with `ACCESS_KEY` and `SECRET_KEY`."""

    def command(self) -> list[str]:
        addresses = ["--address", self.address, "--console-address", f"{HOST}:{free_port()}"]
        return [str(executable()), "server", *addresses, "--quiet", str(self.folder / "data")]

    def environment(self) -> dict[str, str]:
        own = {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY}
        quiet = {"MINIO_BROWSER": "off", "MINIO_UPDATE": "off", "MINIO_CI_CD": "on"}
        return os.environ | own | quiet

    def answers(self) -> bool:
        return is_ready(self.address)


def is_ready(address: str) -> bool:
    """Whether the MinIO at `host:port` serves."""
    try:
        return httpx.get(f"http://{address}/minio/health/ready").is_success
    except httpx.TransportError:
        return False


def available() -> bool:
    """Whether MinIO can run here, if need be after a build of some minutes."""
    return any((shutil.which("minio"), _cached().is_file(), shutil.which("go")))


def version() -> str:
    """MinIO's version and where it is from, for the header of a test run."""
    if found := shutil.which("minio"):
        shown = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
        return f"minio ({shown.stdout.split()[2]}, from PATH)"
    return f"minio ({VERSION}, {'built' if _cached().is_file() else 'to be built'} with go)"


def executable() -> Path:
    """The server's file; builds it when neither PATH nor the cache has one."""
    if found := shutil.which("minio"):
        return Path(found)
    binary = _cached()
    if not binary.is_file():
        binary.parent.mkdir(parents=True, exist_ok=True)
        with (binary.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another process may have built it while this one waited.
            if not binary.is_file():
                _build(binary)
    return binary


def _build(binary: Path) -> None:
    click.echo(f"building MinIO {VERSION} with Go, once, into {binary}", err=True)
    with tempfile.TemporaryDirectory(dir=binary.parent) as folder:
        command = ["go", "install", f"github.com/minio/minio@{VERSION}"]
        built = subprocess.run(command, env=os.environ | {"GOBIN": folder})
        if built.returncode:
            raise RuntimeError(
                "MinIO could not be built: see above. Put a `minio` on PATH, or run the tests with "
                "a PATH that has no `go`: they then use the other object stores."
            )
        (Path(folder) / "minio").replace(binary)


def _cached() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache.absolute() / "roadmask" / "minio" / VERSION / "minio"


if __name__ == "__main__":
    click.echo(executable())
