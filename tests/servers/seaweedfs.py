"""A real SeaweedFS: master, volume server, filer and S3 server in one process."""

from __future__ import annotations

import json

import httpx

from tests.servers.go_program import GoProgram
from tests.servers.minio import ACCESS_KEY, SECRET_KEY
from tests.servers.process import HOST, Server, free_port

PROGRAM = GoProgram(
    "weed",
    "github.com/seaweedfs/seaweedfs/weed",
    "v0.0.0-20261109003541-7506e5f91cd6",
)
ACTIONS = ["Admin", "Read", "Write", "List", "Tagging"]


class SeaweedServer(Server):
    """SeaweedFS on one folder, with the account of MinIO's tests."""

    def command(self) -> list[str]:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        keys = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
        identity = {"name": "tests", "credentials": keys, "actions": ACTIONS}
        accounts = self.folder / "s3.json"
        accounts.write_text(json.dumps({"identities": [identity]}))
        # The ports of gRPC would lie 10,000 above, where there may be none.
        parts = ("master", "volume", "filer", "s3")
        ports = {f"{part}.port.grpc": free_port() for part in parts}
        ports |= {f"{part}.port": free_port() for part in parts[:-1]}
        return [
            *(str(PROGRAM.executable()), "-logtostderr=true", "server", f"-dir={data}"),
            *(f"-ip={HOST}", f"-ip.bind={HOST}", "-s3", f"-s3.port={self.port}"),
            *(f"-s3.config={accounts}", "-s3.domainName=localhost"),
            *("-volume.max=0", "-master.volumeSizeLimitMB=64"),
            *(f"-{name}={port}" for name, port in ports.items()),
        ]

    def answers(self) -> bool:
        try:
            return httpx.get(f"http://{self.address}/status").status_code < 500
        except httpx.TransportError:
            return False
