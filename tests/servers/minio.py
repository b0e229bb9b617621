"""A real MinIO.

`python -m tests.servers.minio` prints the path of the server and builds it if needed.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import click
import httpx

from tests.servers.go_program import GoProgram
from tests.servers.process import HOST, Server, free_port

VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
"""The last commit of the archived repository that Go's module proxy resolves `latest` to."""
PROGRAM = GoProgram("minio", "github.com/minio/minio", VERSION)
CLIENT = GoProgram("mc", "github.com/minio/mc", "v0.0.0-20250313080218-cf909e1063a9")
ACCESS_KEY, SECRET_KEY = "roadmask", "roadmask-tests"


class MinioServer(Server):
    """MinIO on one folder, with `ACCESS_KEY` and `SECRET_KEY`."""

    def command(self) -> list[str]:
        addresses = ["--address", self.address, "--console-address", f"{HOST}:{free_port()}"]
        return [str(executable()), "server", *addresses, "--quiet", str(self.folder / "data")]

    def environment(self) -> dict[str, str]:
        own = {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY}
        quiet = {"MINIO_BROWSER": "off", "MINIO_UPDATE": "off", "MINIO_CI_CD": "on"}
        # Requests may name the bucket as a virtual host.
        return os.environ | own | quiet | {"MINIO_DOMAIN": "localhost"}

    def answers(self) -> bool:
        return is_ready(self.address)


def is_ready(address: str) -> bool:
    """Whether the MinIO at `host:port` serves."""
    try:
        return httpx.get(f"http://{address}/minio/health/ready").is_success
    except httpx.TransportError:
        return False


def available() -> bool:
    """Whether MinIO can run here, possibly after a build of some minutes."""
    return PROGRAM.is_available


def version() -> str:
    """Return the version and origin of MinIO, for the header of a test run."""
    if PROGRAM.origin != "from PATH":
        return f"minio ({PROGRAM.origin})"
    shown = subprocess.run([executable(), "--version"], capture_output=True, text=True, check=True)
    return f"minio ({shown.stdout.split()[2]}, from PATH)"


def executable() -> Path:
    """Return the path of the server; build it when neither PATH nor the cache has one."""
    return PROGRAM.executable()


if __name__ == "__main__":
    click.echo(executable())
