"""A model is promoted and rolled back under load: real processes, and no image fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ml.engines.compiled import CompiledNetworks
from ml.registry.artifact import find_artifact, write_card
from ml.registry.input_size import InputSize
from roadmask import Client
from roadmask.schemas.jobs import Job, Lane
from roadmask.settings import Settings
from tests.harness.client.program import PROGRAM
from tests.harness.images.worker_images import png
from tests.harness.waiting import wait_until
from tests.servers import minio
from tests.servers.redis import RedisServer
from tests.servers.service import Service

BATCH = 64


class Stream(threading.Thread):
    """Somebody who sends one image after the other, and notes which model answers."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.answers: list[str] = []
        self.failures: list[Exception] = []
        self._client = client
        self._stopping = threading.Event()

    def run(self) -> None:
        """Until stopped."""
        while not self._stopping.is_set():
            try:
                seed = 10_000 + len(self.answers)
                _, item = self._client.segment(png(seed), timeout=60)
                assert item.result is not None
                self.answers.append(item.result.artifact)
            except Exception as error:
                self.failures.append(error)

    def stop(self) -> None:
        """End after the image in hand."""
        self._stopping.set()
        self.join()

    def answered_by(self, model: str) -> bool:
        """Whether the last answer was that model's."""
        return self.answers[-1:] == [model]


def small(folder: Path, source: str, budget: int) -> str:
    """An artifact of a shipped network that looks at so few pixels; its `name@version`."""
    shipped = find_artifact(source)
    # Once, for all tests, and not for each copy.
    CompiledNetworks(shipped, Settings()).float32()
    shutil.copytree(shipped.path, folder)
    few = {"name": folder.name, "fit": InputSize(budget=budget)}
    return str(write_card(folder, shipped.card.model_copy(update=few)).model_version)


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the service's processes, and who publishes models, are told: MinIO where it runs."""
    with ExitStack() as servers:
        redis = servers.enter_context(RedisServer(tmp_path / "redis"))
        told = {
            "ROADMASK_REDIS_URL": redis.url,
            "ROADMASK_DATA_DIR": str(tmp_path / "data"),
            "ROADMASK_SECRET": "signs links in tests",
            "ROADMASK_MODEL": str(tmp_path / "old"),
        }
        if minio.available():
            server = servers.enter_context(minio.MinioServer(tmp_path / "minio"))
            told |= {
                "ROADMASK_STORE": "minio",
                "ROADMASK_MINIO_ENDPOINT": server.address,
                "ROADMASK_MINIO_ACCESS_KEY": minio.ACCESS_KEY,
                "ROADMASK_MINIO_SECRET_KEY": minio.SECRET_KEY,
            }
        yield told


def models(env: dict[str, str], *arguments: str) -> str:
    """What `roadmask models …` prints."""
    command = [*PROGRAM, "models", *arguments]
    done = subprocess.run(command, env=os.environ | env, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def artifacts(client: Client, job: Job) -> set[str]:
    ended = client.wait(job, timeout=60)
    assert (ended.counts.failed, ended.counts.succeeded) == (0, ended.counts.total)
    return {item.result.artifact for item in client.results(job) if item.result}


@pytest.mark.timeout(300)
def test_a_version_is_promoted_under_load_and_rolled_back(
    env: dict[str, str], tmp_path: Path
) -> None:
    # Slow enough for the batch to go on while the other one is loaded.
    old = small(tmp_path / "old", "unet_mini", 16_384)
    new = small(tmp_path / "new", "lite_unet", 4096)
    with (
        Service(tmp_path / "service", env) as service,
        service.client() as client,
        service.client() as other,
    ):
        ids = [client.upload(png(n)).id for n in range(BATCH)]
        models(env, "push", str(tmp_path / "new"))
        stream = Stream(other)
        stream.start()
        wait_until(lambda: stream.answered_by(old))
        batch = client.submit(ids, lane=Lane.BATCH)

        assert f"{new} is in service" in models(env, "promote", "new")
        after = client.submit(ids[:16], lane=Lane.BATCH)
        wait_until(lambda: stream.answered_by(new))
        assert "is in service again" in models(env, "rollback")
        wait_until(lambda: stream.answered_by(old))
        stream.stop()

        # Each job was made by one model, the one that was in service when it was accepted.
        assert (batch.model, artifacts(client, batch)) == (old, {old})
        assert (after.model, artifacts(client, after)) == (new, {new})
        assert stream.failures == []
        assert set(stream.answers) == {old, new}
        assert client.artifact() == old
        history = [turn["model"] for turn in client.get("/v1/models")["history"]]
        assert history == [None, new]
        assert service.workers[0].log.read_text().count("worker ready") == 1
