"""Both clients against the real API, its records and its store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from roadmask import Client, JobState, Lane
from roadmask.client import answers
from roadmask.client.answers import raise_item_error
from roadmask.errors import (
    IdempotencyConflict,
    ImageNotFound,
    ImageUnreadable,
    InvalidRequest,
    JobClosed,
    JobNotFound,
    MaskNotFound,
    UnsupportedFormat,
)
from roadmask.hashing import sha256_of, sha256_of_file
from roadmask.images.labels.label_option import LabelOption
from roadmask.masks.codec import encode_mask
from roadmask.schemas.images import CatalogueEntry
from roadmask.schemas.jobs import ItemState, Job
from tests.harness.api.server import ApiServer
from tests.harness.client.sync_async_client import SyncAsyncClient
from tests.harness.images.api_images import HEIGHT, WIDTH, picture
from tests.harness.worker.fake_worker import SIZE, FakeWorker


@pytest.fixture(params=[Client, SyncAsyncClient], ids=["blocking", "async"])
def client(empty_api: ApiServer, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each client in turn, of an empty service."""
    with request.param(empty_api.url, patience=5) as client:
        yield client


def test_an_image_travels_once(client: Client, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture(1))
    sha256 = sha256_of_file(photo)
    assert client.missing([sha256]) == {sha256}
    image = client.upload(str(photo))
    assert (image.id, image.width, image.height) == (f"sha256-{sha256}", WIDTH, HEIGHT)
    assert client.missing([sha256]) == set()
    assert client.upload(photo.read_bytes()).id == image.id
    assert client.image(image.id).sha256 == sha256


def test_what_is_no_image_is_refused(client: Client) -> None:
    with pytest.raises(UnsupportedFormat, match="Convert the file"):
        client.upload(b"not an image")


def test_a_dataset_with_truth(client: Client) -> None:
    image = client.upload(picture(1))
    truth = client.put_truth(encode_mask(np.ones(SIZE, np.uint8)))
    entry = CatalogueEntry(name="val/one", sha256=image.sha256, truth_sha256=truth)
    client.register("streets", [entry])
    (found,) = client.images(dataset="streets")
    assert (found.id, found.truth_sha256) == ("streets/val/one", truth)
    assert client.missing([truth, "0" * 64], "truths") == {"0" * 64}
    assert client.submit(dataset="streets").counts.total == 1
    assert client.submit(prefix="streets/val").counts.total == 1


def test_a_truth_of_another_label_set(client: Client, tmp_path: Path) -> None:
    ids = np.array([[7, 26]], np.uint8)
    Image.fromarray(ids).save(tmp_path / "a.png")
    mask = (tmp_path / "a.png").read_bytes()
    stored = client.put_truth(mask, "cityscapes-ids")
    assert stored == sha256_of(encode_mask(np.array([[1, 7]], np.uint8)))
    assert client.missing([stored], "truths") == set()
    with pytest.raises(InvalidRequest, match="26"):
        client.put_truth(mask, "camvid11")
    option = LabelOption("camvid11", void_unknown=True)
    assert client.put_truth(mask, option) == sha256_of(encode_mask(np.array([[2, 0]], np.uint8)))


@pytest.mark.usefixtures("busy_worker")
def test_files_in_masks_out(client: Client) -> None:
    seen: list[Job] = []
    job = client.submit(files=[picture(1), picture(2)], name="two", lane=Lane.BATCH)
    ended = client.wait(job, timeout=20, on_progress=seen.append)
    assert (ended.state, ended.name, ended.lane) == (JobState.SUCCEEDED, "two", Lane.BATCH)
    assert seen[-1] == ended
    for item in client.results(ended):
        assert (client.mask(item) == np.ones(SIZE, np.uint8)).all()
    assert [item.index for item in client.results(job.id)] == [0, 1]


def test_many_masks_in_one_answer(client: Client, worker: FakeWorker) -> None:
    job = client.submit(files=[picture(n) for n in range(5)])
    worker.finish(job.id, failing=(2,))
    found = client.masks(job, 1, 4)
    assert [(item.index, item.state) for item, _ in found] == [
        (1, "succeeded"),
        (2, "failed"),
        (3, "succeeded"),
    ]
    assert [png for _, png in found] == [
        None if item.error else client.mask_bytes(client.item(job, item.index)) for item, _ in found
    ]
    with pytest.raises(JobNotFound):
        client.masks("0" * 36, 0, 1)


@pytest.mark.usefixtures("busy_worker")
def test_one_photo(client: Client, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture(3))
    mask, item = client.segment(photo, timeout=20)
    assert mask.shape == SIZE
    assert item.result
    assert item.result.shares["flat"] == 1


@pytest.mark.usefixtures("busy_worker")
def test_one_photo_in_another_quality(client: Client) -> None:
    _, item = client.segment(picture(4), quality="best", timeout=20)
    assert item.result
    assert item.result.quality == "best"


def test_one_photo_that_fails(client: Client, worker: FakeWorker) -> None:
    job = client.submit(files=[picture(1)], idempotency_key="mine")
    worker.finish(job.id, failing=(0,))
    item = client.item(job, 0)
    with pytest.raises(MaskNotFound, match="failed"):
        client.mask(item)
    with pytest.raises(ImageUnreadable, match="damaged"):
        raise_item_error(item)


def test_listings_go_on_over_all_pages(
    client: Client, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "PAGE", 2)
    image = client.upload(picture(1)).id
    job = client.submit([image] * 5)
    worker.finish(job.id, failing=(1, 4))
    assert [item.index for item in client.results(job)] == [0, 1, 2, 3, 4]
    assert [item.index for item in client.results(job, state="failed")] == [1, 4]
    ids = {client.submit([image]).id for _ in range(4)} | {job.id}
    assert {job.id for job in client.jobs()} == ids
    assert [found.id for found in client.jobs(JobState.COMPLETED_WITH_ERRORS)] == [job.id]


def test_an_unknown_job_is_an_error_and_not_a_wait(client: Client) -> None:
    unknown = "01a20000-0000-7000-8000-000000000000"
    for call in (client.job, client.wait, client.cancel, client.retry):
        with pytest.raises(JobNotFound):
            call(unknown)
    with pytest.raises(JobNotFound):
        list(client.events(unknown))


def test_a_request_that_cannot_be(client: Client) -> None:
    with pytest.raises(ImageNotFound):
        client.submit(["streets/nowhere"])
    with pytest.raises(InvalidRequest):
        client.submit()
    with pytest.raises(InvalidRequest, match="not both"):
        client.submit(["a/b"], files=[b""])


@pytest.mark.parametrize(
    ("images", "options", "cause"),
    [
        (["a/b"], {"lane": "slow"}, "lane: .*interactive"),
        (["a/b"], {"quality": "superb"}, "quality: "),
        (["a/b"], {"model": "m" * 300}, "model: "),
        (["a/b"], {"deadline_s": -1}, "deadline_s: "),
        (["a/b"], {"naem": "two"}, "naem: "),
        (["/home/me/x.jpg"], {}, "'/home/me/x.jpg' is not an image id"),
    ],
)
def test_a_wrong_argument_is_told_as_a_wrong_request(
    client: Client, images: list[str], options: dict[str, Any], cause: str
) -> None:
    with pytest.raises(InvalidRequest, match=cause):
        client.submit(images, **options)


def test_a_wrong_quality_of_one_image_is_told_as_a_wrong_request(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="quality: "):
        client.segment(picture(1), quality="superb")  # type: ignore[arg-type]


def test_one_id_needs_no_list_around_it(client: Client) -> None:
    image = client.upload(picture(1)).id
    job = client.submit(image)
    assert [item.image_id for item in client.results(job)] == [image]


def test_ids_may_be_a_column_of_a_table(client: Client) -> None:
    ids = [client.upload(picture(seed)).id for seed in (1, 2)]
    job = client.submit(np.array(ids))
    assert [item.image_id for item in client.results(job)] == ids


def test_the_same_key_is_the_same_job(client: Client) -> None:
    one, two = (client.upload(picture(seed)).id for seed in (1, 2))
    job = client.submit([one], idempotency_key="key")
    assert client.submit([one], idempotency_key="key").id == job.id
    with pytest.raises(IdempotencyConflict):
        client.submit([two], idempotency_key="key")


def test_waiting_has_an_end_and_the_job_goes_on(client: Client) -> None:
    job = client.submit(files=[picture(1)])
    with pytest.raises(TimeoutError, match=job.id):
        client.wait(job, timeout=0.5)
    assert client.job(job).state == JobState.QUEUED


def test_cancel_and_retry(client: Client, worker: FakeWorker) -> None:
    job = client.submit(files=[picture(1)])
    assert client.cancel(job).state == JobState.CANCELED
    assert client.item(job, 0).state == ItemState.CANCELED
    failing = client.submit(files=[picture(1)])
    with pytest.raises(JobClosed):
        client.retry(failing)
    worker.finish(failing.id, failing=(0,))
    assert client.wait(failing, 5).state == JobState.FAILED
    assert client.retry(failing).state in {JobState.QUEUED, JobState.RUNNING}


def test_events_until_the_end_and_again_later(client: Client, worker: FakeWorker) -> None:
    image = client.upload(picture(1)).id
    job = client.submit([image] * 3)
    events = client.events(job)
    worker.finish(job.id, failing=(1,))
    seen = list(events)
    ended = {e.data["index"]: e.data["state"] for e in seen if e.type == "item"}
    assert ended == {0: "succeeded", 1: "failed", 2: "succeeded"}
    assert seen[-1].is_last
    later = list(client.events(job, last_id=seen[0].id))
    assert [event.id for event in later] == [event.id for event in seen[1:]]
