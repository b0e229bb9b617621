"""A whole job in one download, while it runs and after."""

from __future__ import annotations

import io
import json
from zipfile import ZipFile

import httpx

from roadmask.jobs import Item
from roadmask.masks import decode_mask
from storage.local_store import LocalStore
from tests.api.fake_worker import SIZE, FakeWorker
from tests.api.pictures import digest, picture, put_many
from tests.api.test_jobs import submit


def archive(client: httpx.Client, job_id: str) -> ZipFile:
    answer = client.get(f"/v1/jobs/{job_id}/archive.zip")
    assert answer.headers["Content-Type"] == "application/zip"
    assert f"{job_id}.zip" in answer.headers["Content-Disposition"]
    file = ZipFile(io.BytesIO(answer.content))
    assert file.testzip() is None
    return file


def states(lines: bytes) -> list[str]:
    return [json.loads(line)["state"] for line in lines.splitlines()]


def test_results_are_there_while_the_job_runs_and_after(
    client: httpx.Client, worker: FakeWorker
) -> None:
    job_id = submit(client, put_many(client, 3))
    worker.succeed(job_id, 0)
    running = client.get(f"/v1/jobs/{job_id}/results.jsonl")
    assert running.headers["Content-Type"] == "application/jsonl"
    assert states(running.content) == ["succeeded", "queued", "queued"]
    worker.finish(job_id, failing=(2,))
    ended = client.get(f"/v1/jobs/{job_id}/results.jsonl")
    items = [Item.model_validate_json(line) for line in ended.content.splitlines()]
    assert [item.index for item in items] == [0, 1, 2]
    assert items[2].error
    assert items[0].result
    assert decode_mask(httpx.get(str(items[0].result.mask_url)).content).shape == SIZE


def test_the_archive_has_what_is_finished_under_the_images_names(
    client: httpx.Client, worker: FakeWorker
) -> None:
    put_many(client, 3)
    entries = [{"name": f"val/{n}", "sha256": digest(picture(n))} for n in range(3)]
    client.post("/v1/datasets/scenes/images", json=entries).raise_for_status()
    job_id = client.post("/v1/jobs", json={"dataset": "scenes"}).json()["id"]
    with archive(client, job_id) as empty:
        assert empty.namelist() == ["results.jsonl"]
    worker.succeed(job_id, 1)
    with archive(client, job_id) as running:
        assert running.namelist() == ["masks/scenes/val/1.png", "results.jsonl"]
    worker.finish(job_id, failing=(2,))
    with archive(client, job_id) as ended:
        assert ended.namelist() == [
            "masks/scenes/val/0.png",
            "masks/scenes/val/1.png",
            "results.jsonl",
        ]
        assert decode_mask(ended.read("masks/scenes/val/0.png")).shape == SIZE
        assert states(ended.read("results.jsonl")) == ["succeeded", "succeeded", "failed"]


def test_an_image_that_comes_twice_is_in_the_archive_once(
    client: httpx.Client, worker: FakeWorker
) -> None:
    [image] = put_many(client, 1)
    job_id = submit(client, [image, image])
    worker.finish(job_id)
    with archive(client, job_id) as file:
        assert file.namelist() == [f"masks/{image}.png", "results.jsonl"]
        assert len(file.read("results.jsonl").splitlines()) == 2


def test_a_lost_mask_does_not_spoil_the_archive(
    client: httpx.Client, worker: FakeWorker, store: LocalStore
) -> None:
    job_id = submit(client, put_many(client, 2))
    worker.finish(job_id)
    store.delete(client.get(f"/v1/jobs/{job_id}/items/0").json()["result"]["mask_key"])
    with archive(client, job_id) as file:
        assert len(file.namelist()) == 2
