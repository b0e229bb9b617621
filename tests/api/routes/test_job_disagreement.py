"""Two jobs over the same images: where their masks differ."""

from __future__ import annotations

import httpx
import pytest

from tests.harness.api.submission import submit
from tests.harness.images.api_images import put_many
from tests.harness.worker.fake_worker import SIZE, FakeWorker

PIXELS = SIZE[0] * SIZE[1]


@pytest.fixture
def images(client: httpx.Client) -> list[str]:
    return put_many(client, 3)


@pytest.fixture
def job_id(client: httpx.Client, worker: FakeWorker, images: list[str]) -> str:
    """A job on three images: flat, flat, failed."""
    job_id = submit(client, images)
    worker.finish(job_id, failing=(2,))
    return job_id


def disagreement(client: httpx.Client, job_id: str, other: str, **query: int) -> httpx.Response:
    return client.get(f"/v1/jobs/{job_id}/disagreement", params={"other": other, **query})


def test_masks_are_compared_by_their_images(
    client: httpx.Client, worker: FakeWorker, images: list[str], job_id: str
) -> None:
    # The other job has the images in another order, and sees sky on the first.
    other = submit(client, images[::-1])
    worker.succeed(other, 2, category=5)
    worker.succeed(other, 1)
    worker.succeed(other, 0)
    page = disagreement(client, job_id, other).json()
    found = [(item["index"], item["other_index"], item["share"]) for item in page["items"]]
    assert found == [(0, 2, 1.0), (1, 1, 0.0)], "the failed item is left out"
    assert page["items"][0]["image_id"] == images[0]
    assert page["counts"][1][5] == page["counts"][1][1] == PIXELS
    assert sum(map(sum, page["counts"])) == 2 * PIXELS
    assert (page["model"], page["next"]) == (page["other_model"], None)


def test_each_copy_of_an_image_is_compared(
    client: httpx.Client, worker: FakeWorker, images: list[str], job_id: str
) -> None:
    twice = submit(client, [images[1], images[0], images[0]])
    worker.finish(twice)
    page = disagreement(client, twice, job_id).json()
    places = [(item["index"], item["other_index"]) for item in page["items"]]
    assert places == [(0, 1), (1, 0), (2, 0)]


def test_pages_cover_the_job(client: httpx.Client, job_id: str) -> None:
    first = disagreement(client, job_id, job_id, limit=1).json()
    second = disagreement(client, job_id, job_id, limit=5, cursor=int(first["next"])).json()
    assert [item["index"] for page in (first, second) for item in page["items"]] == [0, 1]
    assert second["next"] is None


def test_other_images_have_nothing_to_compare(
    client: httpx.Client, worker: FakeWorker, job_id: str
) -> None:
    other = submit(client, put_many(client, 5)[3:])
    worker.finish(other)
    page = disagreement(client, job_id, other).json()
    assert page["items"] == []


def test_an_unknown_job_is_said_to_be(client: httpx.Client, job_id: str) -> None:
    unknown = "01890000-0000-7000-8000-000000000000"
    for answer in (disagreement(client, job_id, unknown), disagreement(client, unknown, job_id)):
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
