"""A worker process whose model is tiny."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from roadmask.settings import Settings
from tests.servers.process import Server

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "redis_url",
    "data_dir",
    "store",
    "minio_endpoint",
    "minio_access_key",
    "minio_bucket",
    "minio_prefix",
    "minio_addressing",
    "lease_s",
    "reconcile_s",
    "item_deadline_s",
    "max_batch",
    "metrics_port",
}


class TinyWorker(Server):
    """Runs `tests.harness.worker.tiny_worker` with a fault; ready once its model is loaded."""

    def __init__(self, folder: Path, settings: Settings, fault: str = "none") -> None:
        super().__init__(folder)
        self._settings = settings
        self._fault = fault

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.harness.worker.tiny_worker", self._fault]

    def environment(self) -> dict[str, str]:
        values = self._settings.model_dump(mode="json", include=SETTINGS)
        secret = self._settings.minio_secret_key.get_secret_value()
        values |= {"worker_threads": 2, "minio_secret_key": secret}
        variables = {f"ROADMASK_{name.upper()}": str(value) for name, value in values.items()}
        return os.environ | variables | {"PYTHONPATH": str(ROOT)}

    def answers(self) -> bool:
        return b"worker ready" in self.log.read_bytes()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process
