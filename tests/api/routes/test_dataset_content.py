"""Images of a dataset by what is in them, as the latest job over it found."""

from __future__ import annotations

import httpx
import pytest

from tests.harness.images.api_images import digest, picture, put_many
from tests.harness.worker.fake_worker import FakeWorker

NAMES = ["drive/1", "drive/2", "drive/3"]


@pytest.fixture
def dataset(client: httpx.Client) -> str:
    put_many(client, 3)
    entries = [{"name": name, "sha256": digest(picture(at))} for at, name in enumerate(NAMES)]
    client.post("/v1/datasets/town/images", json=entries).raise_for_status()
    return "town"


@pytest.fixture
def job_id(client: httpx.Client, worker: FakeWorker, dataset: str) -> str:
    """A job over the dataset: flat, sky, and one that failed."""
    job_id: str = client.post("/v1/jobs", json={"dataset": dataset}).json()["id"]
    worker.succeed(job_id, 0)
    worker.succeed(job_id, 1, category=5)
    worker.fail(job_id, 2)
    return job_id


def names(client: httpx.Client, **query: str | int) -> list[str]:
    page = client.get("/v1/images", params={"dataset": "town", **query}).json()
    return [image["id"].removeprefix("town/") for image in page["images"]]


@pytest.mark.usefixtures("job_id")
def test_images_are_filtered_and_sorted_by_their_content(client: httpx.Client) -> None:
    assert names(client, where="sky > 50%") == ["drive/2"]
    assert names(client, where="sky < 50%") == ["drive/1"]
    assert names(client, sort="-sky") == ["drive/2", "drive/1"], "a failed image has no figure"
    assert names(client, sort="-sky", q="drive/1") == ["drive/1"]
    assert names(client, sort="-sky", limit=1, offset=1) == ["drive/1"]
    page = client.get("/v1/images", params={"dataset": "town", "where": "human > 0"}).json()
    assert (page["images"], page["total"]) == ([], 0)


def latest_job(client: httpx.Client) -> str | None:
    latest: str | None = client.get("/v1/datasets").json()[0]["latest_job"]
    return latest


def test_the_latest_job_counts(client: httpx.Client, worker: FakeWorker, job_id: str) -> None:
    assert client.get(f"/v1/jobs/{job_id}").json()["dataset"] == "town"
    later = client.post("/v1/jobs", json={"dataset": "town"}).json()["id"]
    for index in range(3):
        worker.succeed(later, index, category=5 if index == 0 else 1)
    assert latest_job(client) == later
    assert names(client, where="sky > 50%") == ["drive/1"]
    client.delete(f"/v1/jobs/{later}").raise_for_status()
    assert latest_job(client) is None


def test_a_job_that_has_not_segmented_the_dataset_hides_none_that_has(
    client: httpx.Client, worker: FakeWorker, job_id: str
) -> None:
    for _ in range(2):
        later = client.post("/v1/jobs", json={"dataset": "town"}).json()["id"]
        worker.succeed(later, 0, category=5)
        assert latest_job(client) == job_id
        client.post(f"/v1/jobs/{later}/cancel").raise_for_status()
        assert latest_job(client) == job_id
    assert names(client, where="sky > 50%") == ["drive/2"]
    client.post(f"/v1/jobs/{later}/retry").raise_for_status()
    worker.succeed(later, 1)
    worker.fail(later, 2)
    assert latest_job(client) == later


def test_until_a_job_has_segmented_the_dataset_the_first_counts_that_may(
    client: httpx.Client, worker: FakeWorker, dataset: str
) -> None:
    first, second = (
        client.post("/v1/jobs", json={"dataset": dataset}).json()["id"] for _ in range(2)
    )
    assert latest_job(client) == first
    worker.succeed(first, 0)
    client.post(f"/v1/jobs/{first}/cancel").raise_for_status()
    third = client.post("/v1/jobs", json={"dataset": dataset}).json()["id"]
    assert latest_job(client) == third
    for index in range(3):
        worker.succeed(second, index)
    assert latest_job(client) == second


def test_a_dataset_without_a_job_says_so(client: httpx.Client, dataset: str) -> None:
    answer = client.get("/v1/images", params={"dataset": dataset, "sort": "-sky"})
    assert (answer.status_code, answer.json()["code"]) == (404, "dataset_not_segmented")
    assert client.get("/v1/datasets").json()[0]["latest_job"] is None


@pytest.mark.usefixtures("job_id")
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"where": "sky > 1%"}, "invalid_request"),
        ({"dataset": "town", "where": "sky > 1%", "truth": "true"}, "invalid_request"),
        ({"dataset": "town", "where": "skies > 1%"}, "condition_unclear"),
        ({"dataset": "town", "sort": "colour"}, "invalid_request"),
    ],
)
def test_what_is_not_clear_is_refused(
    client: httpx.Client, query: dict[str, str], code: str
) -> None:
    answer = client.get("/v1/images", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
