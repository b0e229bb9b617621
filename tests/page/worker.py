"""A worker process with the tiny model, slow enough that a batch can be watched and canceled."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from roadmask.settings import Settings
from tests.servers.process import Server

TOLD = {"redis_url", "data_dir", "store", "minio_endpoint", "minio_access_key", "minio_bucket"}
ROOT = Path(__file__).parents[2]


class SlowWorker(Server):
    """It answers once it shows itself."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        super().__init__(folder)
        self._settings = settings

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.worker.tiny_worker", "slow"]

    def environment(self) -> dict[str, str]:
        told = self._settings.model_dump(mode="json", include=TOLD)
        secret = self._settings.minio_secret_key.get_secret_value()
        told |= {"worker_threads": 2, "reconcile_s": 0.3, "minio_secret_key": secret}
        variables = {f"ROADMASK_{name.upper()}": str(value) for name, value in told.items()}
        return os.environ | variables | {"PYTHONPATH": str(ROOT)}

    def answers(self) -> bool:
        return b"worker ready" in self.log.read_bytes()
