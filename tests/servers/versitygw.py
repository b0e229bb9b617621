"""A real VersityGW: S3 in front of a folder."""

from __future__ import annotations

import os

import httpx

from tests.servers.go_program import GoProgram
from tests.servers.minio import ACCESS_KEY, SECRET_KEY
from tests.servers.process import Server

PROGRAM = GoProgram("versitygw", "github.com/versity/versitygw/cmd/versitygw", "v1.8.0")


class VersityServer(Server):
    """VersityGW on one folder, with the account of MinIO's tests."""

    def command(self) -> list[str]:
        folders = [self.folder / name for name in ("data", "sidecar")]
        for folder in folders:
            folder.mkdir(exist_ok=True)
        data, sidecar = map(str, folders)
        where = ["--port", self.address, "--virtual-domain", f"localhost:{self.port}"]
        return [str(PROGRAM.executable()), *where, "posix", "--sidecar", sidecar, data]

    def environment(self) -> dict[str, str]:
        return os.environ | {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}

    def answers(self) -> bool:
        try:
            return httpx.get(f"http://{self.address}/").status_code < 500
        except httpx.TransportError:
            return False
