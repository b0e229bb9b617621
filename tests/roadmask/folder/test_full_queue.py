"""A folder run where the service has no room for more."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest
from pydantic import SecretStr

from roadmask import Client
from roadmask.errors import QueueFull
from roadmask.folder import uploader
from roadmask.settings import Settings
from tests.harness.client.photo_folders import folder_run
from tests.harness.images.api_images import picture
from tests.harness.waiting import wait_until
from tests.harness.worker.fake_worker import FakeWorker
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer


@pytest.fixture(scope="module")
def settings(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        redis_url=redis_server.url,
        data_dir=tmp_path_factory.mktemp("data"),
        secret=SecretStr("signs links in tests"),
        public_url=f"http://{HOST}:{free_port()}",
        max_open_items=3,
    )


def test_a_lot_waits_until_there_is_room(
    client: Client, worker: FakeWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploader, "FULL_PAUSE_S", 0.1)
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(2):
        (folder / f"{seed}.jpg").write_bytes(picture(seed))
    first = client.submit(files=[picture(90), picture(91)])
    with Client(client.base_url, patience=0) as hasty:
        with pytest.raises(QueueFull):
            hasty.submit(files=[picture(92), picture(93)])
        batch = folder_run(hasty, folder, tmp_path / "masks")
        thread = Thread(target=lambda: list(batch.run()))
        thread.start()
        wait_until(lambda: batch.progress.uploaded == 2)
        worker.finish(first.id)
        (job,) = wait_until(lambda: [job for job in client.jobs() if job.id != first.id])
        worker.finish(job.id)
        thread.join()
    assert (batch.progress.inferred, batch.progress.failed) == (2, 0)
