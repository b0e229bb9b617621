"""A whole job in one download, while it runs and after."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree
from zipfile import ZipFile

import httpx
import pytest
from pycocotools.coco import COCO

from api.routes import exports
from api.services.archive import Archive
from api.services.renderings import RenderingService
from roadmask.errors import MaskNotFound
from roadmask.masks.codec import decode_mask
from roadmask.schemas.jobs import Counts, Item, ItemPage, ItemState, Job, JobState, Lane, Result
from roadmask.schemas.mask_formats import MaskFormat
from storage.jobs.item_reader import ItemReader
from storage.objects.keys import image_key
from storage.objects.local import LocalStore
from tests.harness.api.submission import submit
from tests.harness.images.api_images import digest, picture, put_many
from tests.harness.images.brush_strokes import decode_rle
from tests.harness.worker.fake_worker import SIZE, FakeWorker


def archive(
    client: httpx.Client, job_id: str, form: str = "png", name: str | None = None
) -> ZipFile:
    answer = client.get(f"/v1/jobs/{job_id}/archive.zip?format={form}")
    assert answer.headers["Content-Type"] == "application/zip"
    assert f"{name or job_id}.{form}.zip" in answer.headers["Content-Disposition"]
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
    with archive(client, job_id, name="scenes") as empty:
        assert empty.namelist() == ["results.jsonl"]
    worker.succeed(job_id, 1)
    with archive(client, job_id, name="scenes") as running:
        assert running.namelist() == ["masks/scenes/val/1.png", "results.jsonl"]
    worker.finish(job_id, failing=(2,))
    with archive(client, job_id, name="scenes") as ended:
        assert ended.namelist() == [
            "masks/scenes/val/0.png",
            "masks/scenes/val/1.png",
            "results.jsonl",
        ]
        assert decode_mask(ended.read("masks/scenes/val/0.png")).shape == SIZE
        assert states(ended.read("results.jsonl")) == ["succeeded", "succeeded", "failed"]


def test_uploads_keep_their_names_in_every_export(
    client: httpx.Client, worker: FakeWorker, tmp_path: Path
) -> None:
    names = ["front/1.jpg", "rear/1.jpg", "東京.jpg", "x.jpg", "x.png", "../../x.jpg"]
    images = put_many(client, len(names))
    refs = [{"id": i, "custom_id": name} for i, name in zip(images, names, strict=True)]
    job_id = client.post("/v1/jobs", json={"images": refs}).json()["id"]
    worker.finish(job_id)
    stems = ["front/1", "rear/1", "東京", "x.jpg", "x.png", "x.jpg (5)"]
    with archive(client, job_id) as file:
        members = [f"masks/{name}.png" for name in stems]
        assert file.namelist() == [*members, "results.jsonl"]
        lines = [json.loads(line) for line in file.read("results.jsonl").splitlines()]
        assert [line["mask"] for line in lines] == members
        assert [line["custom_id"] for line in lines] == names
    by_id = client.get(f"/v1/jobs/{job_id}/archive.zip", params={"names": "id"})
    with ZipFile(io.BytesIO(by_id.content)) as file:
        assert file.namelist() == [*(f"masks/{image}.png" for image in images), "results.jsonl"]
        for line in file.read("results.jsonl").splitlines():
            Item.model_validate_json(line)
    coco = job_annotations(client, job_id, "coco").json()
    assert [image["file_name"] for image in coco["images"]] == names
    tasks = job_annotations(client, job_id, "labelstudio").json()
    assert [task["data"]["filename"] for task in tasks] == names
    root = ElementTree.fromstring(job_annotations(client, job_id, "cvat").content)
    assert [image.get("name") for image in root.iter("image")] == names


def test_files_of_a_form_keep_their_names(client: httpx.Client, worker: FakeWorker) -> None:
    files = [("files", (name, picture(n))) for n, name in enumerate(("街 1.jpg", 'a"b.jpg'))]
    job_id = client.post("/v1/jobs", files=files).json()["id"]
    worker.finish(job_id)
    with archive(client, job_id) as file:
        assert file.namelist()[0] == "masks/街 1.png"
        assert len(file.namelist()) == 3


@pytest.mark.parametrize(
    "disposition",
    [
        'filename="街 1.jpg"',
        "filename*=utf-8''%E8%A1%97%201.jpg",
        "filename=\"=?utf-8?B?6KGXIDEuanBn?=\"; filename*=UTF-8''%E8%A1%97%201.jpg",
    ],
)
def test_names_beyond_ascii_arrive_however_they_are_sent(
    client: httpx.Client, disposition: str
) -> None:
    head = f'--x\r\nContent-Disposition: form-data; name="files"; {disposition}\r\n\r\n'
    body = head.encode() + picture(1) + b"\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    job = client.post("/v1/jobs", content=body, headers=headers).json()
    [item] = client.get(f"/v1/jobs/{job['id']}/items").json()["items"]
    assert item["custom_id"] == "街 1.jpg"


def test_files_of_a_dataset_keep_their_names(client: httpx.Client, worker: FakeWorker) -> None:
    put_many(client, 1)
    entry = {"name": "val/1", "sha256": digest(picture(0)), "filename": "val/1.JPG"}
    [image] = client.post("/v1/datasets/街/images", json=[entry]).json()
    assert (image["id"], image["filename"]) == ("街/val/1", "val/1.JPG")
    thumbnail = httpx.get(image["thumbnail_url"], follow_redirects=True, timeout=60)
    assert thumbnail.status_code == 200
    job_id = client.post("/v1/jobs", json={"prefix": "街/val"}).json()["id"]
    worker.finish(job_id)
    with archive(client, job_id) as file:
        assert file.namelist() == ["masks/val/1.png", "results.jsonl"]
    [found] = job_annotations(client, job_id, "coco").json()["images"]
    assert found["file_name"] == "val/1.JPG"


def test_a_part_of_the_job_is_an_archive_too(client: httpx.Client, worker: FakeWorker) -> None:
    images = put_many(client, 5)
    job_id = submit(client, images)
    worker.finish(job_id, failing=(2,))
    answer = client.get(f"/v1/jobs/{job_id}/archive.zip", params={"start": 1, "stop": 4})
    with ZipFile(io.BytesIO(answer.content)) as file:
        there = [f"masks/{images[n]}.png" for n in (1, 3)]
        assert file.namelist() == [*there, "results.jsonl"]
        items = map(Item.model_validate_json, file.read("results.jsonl").splitlines())
        assert [item.index for item in items] == [1, 2, 3]
    for beyond in ({"start": 5}, {"start": 2, "stop": 2}):
        answer = client.get(f"/v1/jobs/{job_id}/archive.zip", params=beyond)
        with ZipFile(io.BytesIO(answer.content)) as file:
            assert file.namelist() == ["results.jsonl"]
            assert file.read("results.jsonl") == b""


def test_the_items_of_a_part_are_read_once(
    client: httpx.Client, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit(client, put_many(client, 3))
    worker.finish(job_id)
    pages = []
    page = ItemReader.page

    def counted(reader: ItemReader, *arguments: Any) -> ItemPage:
        pages.append(arguments)
        return page(reader, *arguments)

    monkeypatch.setattr(ItemReader, "page", counted)
    answer = client.get(f"/v1/jobs/{job_id}/archive.zip", params={"start": 0, "stop": 3})
    assert len(ZipFile(io.BytesIO(answer.content)).namelist()) == 4
    assert len(pages) == 1


def test_small_blocks_are_sent_together() -> None:
    blocks = [b"a" * 1000] * 300
    sent = list(exports._gathered(iter(blocks)))
    assert b"".join(sent) == b"".join(blocks)
    assert len(sent) == 3
    assert list(exports._gathered(iter([]))) == []


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
        assert len([name for name in file.namelist() if name.startswith("masks/")]) == 1


@pytest.mark.parametrize("form", MaskFormat)
def test_the_archive_has_the_masks_in_every_form(
    client: httpx.Client, worker: FakeWorker, form: MaskFormat
) -> None:
    [image] = put_many(client, 1)
    job_id = submit(client, [image], confidence=form is MaskFormat.CONFIDENCE)
    worker.finish(job_id)
    alone = client.get(f"/v1/jobs/{job_id}/items/0/mask?format={form}").content
    with archive(client, job_id, form) as file:
        assert file.namelist() == [f"masks/{image}{form.suffix}", "results.jsonl"]
        assert file.read(f"masks/{image}{form.suffix}") == alone


def test_an_overlay_whose_image_is_gone_is_left_out(
    client: httpx.Client, worker: FakeWorker, store: LocalStore
) -> None:
    images = put_many(client, 2)
    job_id = submit(client, images)
    worker.finish(job_id)
    store.delete(image_key(digest(picture(0))))
    with archive(client, job_id, "overlay") as file:
        assert file.namelist() == [f"masks/{images[1]}.jpg", "results.jsonl", "left_out.jsonl"]


def test_a_whole_job_is_one_coco_dataset(
    client: httpx.Client, worker: FakeWorker, store: LocalStore, tmp_path: Path
) -> None:
    images = put_many(client, 4)
    job_id = submit(client, images)
    worker.succeed(job_id, 0, category=7)
    worker.finish(job_id, failing=(2,))
    store.delete(client.get(f"/v1/jobs/{job_id}/items/3").json()["result"]["mask_key"])
    answer = job_annotations(client, job_id, "coco")
    assert answer.headers["Content-Type"] == "application/json"
    file = tmp_path / "coco.json"
    file.write_bytes(answer.content)
    dataset = COCO(str(file))
    found = {image["file_name"]: image["id"] for image in dataset.imgs.values()}
    assert list(found) == images[:2], "what failed or was lost is not in it"
    for name, category in zip(found, (7, 1), strict=True):
        [annotation] = dataset.imgToAnns[found[name]]
        assert annotation["category_id"] == category
        assert annotation["area"] == SIZE[0] * SIZE[1] == dataset.annToMask(annotation).sum()
    assert job_annotations(client, job_id, "").content == answer.content, "COCO is the default"


def test_a_whole_job_is_one_list_of_label_studio_tasks(
    client: httpx.Client, worker: FakeWorker
) -> None:
    images = put_many(client, 2)
    job_id = submit(client, images)
    assert job_annotations(client, job_id, "labelstudio").json() == []
    worker.finish(job_id)
    tasks = job_annotations(client, job_id, "labelstudio").json()
    assert [task["data"]["image_id"] for task in tasks] == images
    for task in tasks:
        [region] = task["predictions"][0]["result"]
        assert region["value"]["brushlabels"] == ["flat"]
        assert set(decode_rle(region["value"]["rle"]).tolist()) == {255}


def test_a_whole_job_is_one_cvat_document(client: httpx.Client, worker: FakeWorker) -> None:
    images = put_many(client, 2)
    job_id = submit(client, images)
    worker.finish(job_id)
    answer = job_annotations(client, job_id, "cvat")
    assert answer.headers["Content-Type"] == "application/xml"
    assert f"{job_id}.cvat.xml" in answer.headers["Content-Disposition"]
    found = ElementTree.fromstring(answer.content).findall("image")
    assert [image.attrib["name"] for image in found] == [f"{image}.png" for image in images]
    assert [mask.attrib["rle"] for image in found for mask in image.iter("mask")] == [
        "0, 48",
        "0, 48",
    ]


@pytest.mark.parametrize("form", ["png", "rle", "svg"])
def test_forms_of_one_image_are_no_document_of_a_job(
    client: httpx.Client, worker: FakeWorker, form: str
) -> None:
    job_id = submit(client, put_many(client, 1))
    answer = job_annotations(client, job_id, form)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "coco" in answer.json()["detail"]


def job_annotations(client: httpx.Client, job_id: str, form: str) -> httpx.Response:
    query = f"?format={form}" if form else ""
    return client.get(f"/v1/jobs/{job_id}/annotations{query}")


def test_the_archive_lists_what_it_leaves_out(
    client: httpx.Client, store: LocalStore, worker: FakeWorker
) -> None:
    ids = put_many(client, 3)
    job_id = submit(client, ids)
    worker.finish(job_id)
    assert "left_out.jsonl" not in archive(client, job_id).namelist()
    items = client.get(f"/v1/jobs/{job_id}/items").json()["items"]
    keys = [item["result"]["mask_key"] for item in items]
    store.delete(keys[0])
    store.put(keys[1], store.get(keys[1])[:-1], "image/png")
    file = archive(client, job_id)
    left_out = [json.loads(line) for line in file.read("left_out.jsonl").splitlines()]
    assert [(item["index"], item["error"]["code"]) for item in left_out] == [
        (0, "mask_not_found"),
        (1, "mask_damaged"),
    ]
    assert f"masks/{ids[2]}.png" in file.namelist()
    assert f"masks/{ids[1]}.png" not in file.namelist()


def test_an_archive_without_any_mask_is_not_in_memory() -> None:
    """As of a job whose masks were deleted after `keep_masks_days`."""
    result = Result(
        mask_key="masks/x.png", width=8, height=6, shares={"flat": 1.0}, artifact="fake@1"
    )
    finished = Item(index=0, image_id="a/b", state=ItemState.SUCCEEDED, result=result)
    job = Job(
        id="job",
        state=JobState.SUCCEEDED,
        lane=Lane.BATCH,
        progress=1.0,
        model="fake@1",
        counts=Counts(succeeded=5000, total=5000),
        created_at=datetime.now(UTC),
    )

    def items() -> Iterator[Item]:
        return (
            finished.model_copy(update={"index": index, "image_id": f"a/{index}"})
            for index in range(job.counts.total)
        )

    class Renderings:
        def render_now(self, job_id: str, item: Item, mask_format: MaskFormat) -> bytes:
            raise MaskNotFound("It was deleted.")

    renderings = cast("RenderingService", Renderings())
    tracemalloc.start()
    try:
        blocks = Archive(renderings, job, items, MaskFormat.PNG, None).blocks()
        assert sum(map(len, blocks)) > 50_000
        assert tracemalloc.get_traced_memory()[1] < 6 * 2**20
    finally:
        tracemalloc.stop()
