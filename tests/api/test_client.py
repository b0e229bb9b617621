"""The client and the API agree, through a real socket and with nothing between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest

from api.routes.datasets import MAX_ENTRIES
from roadmask import Client
from roadmask.client.calls import images
from roadmask.client.calls.job_request import MAX_JSON_ITEMS
from roadmask.errors import (
    HashMismatch,
    ImageNotFound,
    JobClosed,
    JobNotFound,
    RoadmaskError,
    UnsupportedFormat,
)
from roadmask.masks.codec import encode_mask
from roadmask.schemas.images import CatalogueEntry
from roadmask.schemas.jobs import ImageRef, ItemState, JobState
from tests.harness.api.submission import UNKNOWN
from tests.harness.images.api_images import HEIGHT, WIDTH, digest, picture
from tests.harness.waiting import PATIENCE_S
from tests.harness.worker.fake_worker import SIZE, FakeWorker


@pytest.fixture
def ours(client: httpx.Client) -> Iterator[Client]:
    """The client of this project, on the API that `client` has made ready."""
    with Client(str(client.base_url), patience=0) as ours:
        yield ours


def test_a_job_from_upload_to_mask(ours: Client, worker: FakeWorker) -> None:
    job = ours.submit(files=[picture(0), picture(1)], name="two")
    with ThreadPoolExecutor(1) as pool:
        events = pool.submit(lambda: list(ours.events(job, "0")))
        worker.finish(job.id, failing=(1,))
        ended = ours.wait(job, timeout=10)
        assert events.result(PATIENCE_S)[-1].is_last
    assert ended.state is JobState.COMPLETED_WITH_ERRORS
    done, failed = ours.results(job)
    assert np.array_equal(ours.mask(done), np.ones(SIZE, np.uint8))
    assert failed.error
    assert failed.error.code == "image_unreadable"
    assert [item.index for item in ours.results(job, state=ItemState.FAILED)] == [1]
    assert ours.retry(job).state in (JobState.QUEUED, JobState.RUNNING)
    assert ours.cancel(job).state is JobState.CANCELED
    assert [listed.id for listed in ours.jobs()] == [job.id]


def test_a_dataset_from_files_to_names(ours: Client) -> None:
    image = ours.upload(picture())
    truth = ours.put_truth(encode_mask(np.ones((HEIGHT, WIDTH), np.uint8)))
    ours.register("scenes", [CatalogueEntry(name="val/1", sha256=image.sha256, truth_sha256=truth)])
    [named] = ours.images(dataset="scenes", truth=True)
    assert (named.id, named.truth_sha256) == ("scenes/val/1", truth)
    assert ours.missing([image.sha256, "0" * 64]) == {"0" * 64}
    assert ours.submit(dataset="scenes").counts.total == 1


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda ours: ours.job(UNKNOWN), JobNotFound),
        (lambda ours: ours.image("scenes/none"), ImageNotFound),
        (lambda ours: ours.submit(["scenes/none"]), ImageNotFound),
        (lambda ours: ours.upload(b"no image"), UnsupportedFormat),
        (lambda ours: ours.put_image("0" * 64, picture()), HashMismatch),
        (lambda ours: ours.retry(ours.submit(files=[picture()])), JobClosed),
    ],
)
def test_errors_arrive_as_the_classes_they_left_as(
    ours: Client, call: Callable[[Client], object], error: type[RoadmaskError]
) -> None:
    with pytest.raises(error) as raised:
        call(ours)
    assert type(raised.value) is error
    assert raised.value.detail


def test_the_digest_is_the_same_on_both_sides(ours: Client) -> None:
    assert ours.upload(picture(3)).sha256 == digest(picture(3))


def test_a_job_of_many_images_is_sent_as_lines(ours: Client) -> None:
    image = ours.upload(picture(0)).id
    count = MAX_JSON_ITEMS + 1
    refs = [ImageRef(id=image, custom_id=f"{n}") for n in range(count)]
    job = ours.submit(refs, name="long", lane="batch")
    assert (job.counts.total, job.name, job.lane) == (count, "long", "batch")
    assert ours.item(job, count - 1).custom_id == f"{count - 1}"


def test_many_entries_are_registered_in_batches(
    ours: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tests/api/bodies/test_limits.py` registers as many at once as the service takes."""
    assert MAX_JSON_ITEMS <= MAX_ENTRIES
    monkeypatch.setattr(images, "MAX_JSON_ITEMS", 100)
    sha256 = ours.upload(picture(0)).sha256
    ours.register("long", [CatalogueEntry(name=f"{n:06d}", sha256=sha256) for n in range(101)])
    assert sum(1 for _ in ours.images(dataset="long")) == 101
