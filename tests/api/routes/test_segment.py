"""One request for one mask: it is a job like any other, answered with its mask."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest

from api.services.renderings import RenderingService
from roadmask.errors import JobNotFound, RecordsUnavailable, StoreUnavailable
from roadmask.masks.codec import decode_mask
from roadmask.schemas.jobs import Item
from roadmask.schemas.mask_formats import MaskFormat
from roadmask.schemas.wire import ITEM_HEADER
from roadmask.settings import Settings
from storage.jobs.records import JobRecords
from storage.jobs.watching.watcher import JobWatcher
from storage.objects.keys import image_key
from storage.objects.local import LocalStore
from tests.harness.images.api_images import BAD, digest, picture
from tests.harness.worker.fake_worker import CONFIDENCE, SIZE, FakeWorker

Call = Callable[..., "Future[httpx.Response]"]


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_upload_bytes": 20_000})


@pytest.fixture
def begin(client: httpx.Client) -> Iterator[Call]:
    """Begins a call that waits, and returns when its job exists."""
    with ThreadPoolExecutor() as threads:

        def call(**options: Any) -> Future[httpx.Response]:
            before = len(jobs_of(client))
            future = threads.submit(client.post, "/v1/segment", content=picture(), **options)
            while len(jobs_of(client)) == before:
                assert not future.done()
                time.sleep(0.01)
            return future

        yield call


def jobs_of(client: httpx.Client) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = client.get("/v1/jobs").json()["jobs"]
    return jobs


def segment(client: httpx.Client, data: bytes, **options: Any) -> httpx.Response:
    return client.post("/v1/segment", content=data, **options)


@pytest.mark.usefixtures("busy_worker")
def test_an_image_goes_in_and_its_mask_comes_out(client: httpx.Client, store: LocalStore) -> None:
    answer = segment(client, picture(), params={"name": "rue du Pré/été.jpg"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    np.testing.assert_array_equal(decode_mask(answer.content), np.ones(SIZE, np.uint8))
    told = json.loads(answer.headers[ITEM_HEADER])
    assert told["result"]["warnings"] == [], "what has its default is told, too"
    item = Item.model_validate(told)
    assert item.custom_id == "rue du Pré/été.jpg"
    # It is a job like any other: its record, its item, its image and its mask are kept.
    job = client.get(answer.headers["Location"]).json()
    assert (job["state"], job["lane"], job["counts"]["total"]) == (
        "succeeded",
        "interactive",
        1,
    )
    kept = client.get(f"/v1/jobs/{job['id']}/items/0").json()
    assert kept["result"]["shares"] == item.result.shares if item.result else None
    assert client.get(kept["result"]["mask_url"]).content == answer.content
    assert client.get(answer.headers["Content-Location"]).content == answer.content
    assert store.get(image_key(digest(picture()))) == picture()
    assert client.get(f"/v1/images/{item.image_id}").is_success


@pytest.mark.usefixtures("busy_worker")
@pytest.mark.parametrize(
    ("accept", "query", "kind", "mask_format"),
    [
        (None, {}, "image/png", MaskFormat.PNG),
        ("image/*", {}, "image/png", MaskFormat.PNG),
        ("text/html", {}, "image/png", MaskFormat.PNG),
        ("image/png;q=0.2, image/jpeg", {}, "image/jpeg", MaskFormat.OVERLAY),
        ("application/geo+json", {}, "application/geo+json", MaskFormat.POLYGONS),
        ("*/*", {"format": "index"}, "image/png", MaskFormat.INDEX),
        ("application/json", {"format": "color"}, "image/png", MaskFormat.COLOR),
        ("*/*", {"format": "coco"}, "application/json", MaskFormat.COCO),
    ],
)
def test_the_format_that_is_asked_for(
    client: httpx.Client,
    accept: str | None,
    query: dict[str, str],
    kind: str,
    mask_format: MaskFormat,
) -> None:
    headers = {"Accept": accept} if accept else {}
    answer = segment(client, picture(), params=query, headers=headers)
    assert answer.headers["Content-Type"] == kind
    job = answer.headers["Location"]
    same = client.get(f"{job}/items/0/mask", params={"format": mask_format.value})
    assert answer.content == same.content


@pytest.mark.usefixtures("busy_worker")
def test_json_has_the_facts_and_the_link(client: httpx.Client) -> None:
    answer = segment(client, picture(), headers={"Accept": "application/json"})
    item = answer.json()
    assert (item["state"], item["result"]["shares"]["flat"]) == ("succeeded", 1)
    assert decode_mask(client.get(item["result"]["mask_url"]).content).shape == SIZE


@pytest.mark.usefixtures("busy_worker")
def test_a_long_name_makes_no_long_header(client: httpx.Client) -> None:
    name = "é" * 1000
    answer = segment(client, picture(), params={"name": name})
    assert len(answer.headers[ITEM_HEADER]) < 3000
    assert json.loads(answer.headers[ITEM_HEADER])["state"] == "succeeded"
    item = client.get(f"{answer.headers['Location']}/items/0").json()
    assert item["custom_id"] == name


@pytest.mark.usefixtures("busy_worker")
def test_a_form_with_one_file(client: httpx.Client) -> None:
    answer = client.post("/v1/segment", files={"files": ("street.jpg", picture())})
    assert json.loads(answer.headers[ITEM_HEADER])["custom_id"] == "street.jpg"
    two = [("files", (f"{n}.jpg", picture(n))) for n in range(2)]
    refused = client.post("/v1/segment", files=two)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert len(jobs_of(client)) == 1


@pytest.mark.usefixtures("busy_worker")
def test_what_is_asked_of_the_mask(client: httpx.Client) -> None:
    query = {
        "quality": "best",
        "pixels": '{"bits": 12}',
        "confidence": "true",
        "format": "confidence",
    }
    answer = segment(client, picture(), params=query)
    assert decode_mask(answer.content).max() == round(255 * CONFIDENCE)
    result = json.loads(answer.headers[ITEM_HEADER])["result"]
    assert (result["quality"], result["pixels"]) == ("best", {"bits": 12})


@pytest.mark.parametrize(
    "query",
    [
        {"quality": "finest"},
        {"pixels": "{"},
        {"pixels": '{"bits": 99}'},
        {"pixels": '{"bit": 12}'},
        {"format": "gif"},
        {"wait": "61"},
        {"modle": "default"},
        {"name": "x" * 1100},
    ],
)
def test_what_is_asked_wrongly_creates_no_job(client: httpx.Client, query: dict[str, str]) -> None:
    answer = segment(client, picture(), params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert jobs_of(client) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_with_its_cause(client: httpx.Client, name: str) -> None:
    make, code = BAD[name]
    assert segment(client, make()).json()["code"] == code


def test_a_file_that_is_too_large(client: httpx.Client) -> None:
    assert segment(client, bytes(25_000)).status_code == 413
    form = client.post("/v1/segment", files={"files": ("long.jpg", bytes(25_000))})
    assert (form.status_code, form.json()["code"]) == (413, "upload_too_large")


@pytest.mark.parametrize(
    ("query", "headers"), [({"wait": 0.1}, {}), ({}, {"Prefer": "wait=0"})], ids=["wait", "prefer"]
)
def test_an_answer_that_comes_too_late_is_the_job(
    client: httpx.Client, worker: FakeWorker, query: dict[str, float], headers: dict[str, str]
) -> None:
    answer = segment(client, picture(), params=query, headers=headers)
    job = answer.json()
    assert (answer.status_code, job["state"]) == (202, "queued")
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert answer.headers.get("Preference-Applied") == headers.get("Prefer")
    worker.finish(job["id"])
    assert client.get(job["urls"]["self"]).json()["state"] == "succeeded"


def test_the_same_key_gets_the_same_mask(client: httpx.Client, worker: FakeWorker) -> None:
    headers = {"Idempotency-Key": "mine"}
    first = segment(client, picture(), params={"wait": 0}, headers=headers)
    worker.finish(first.json()["id"])
    again = segment(client, picture(), headers=headers)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert again.headers["Location"] == first.headers["Location"]
    other = segment(client, picture(1), headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert len(jobs_of(client)) == 1


def test_an_image_that_fails_is_told_with_its_job(
    client: httpx.Client, worker: FakeWorker, begin: Call
) -> None:
    call = begin()
    [job] = jobs_of(client)
    worker.finish(job["id"], failing=(0,))
    answer = call.result()
    assert (answer.status_code, answer.json()["code"]) == (422, "image_unreadable")
    assert answer.json()["job"] == job["urls"]["self"]


def test_a_job_that_is_canceled_is_told(client: httpx.Client, begin: Call) -> None:
    call = begin()
    [job] = jobs_of(client)
    client.post(f"/v1/jobs/{job['id']}/cancel")
    assert (call.result().status_code, call.result().json()["code"]) == (409, "job_closed")


@pytest.mark.parametrize("error", [RecordsUnavailable("?"), JobNotFound("?"), RuntimeError("?")])
@pytest.mark.parametrize("failing", [(JobWatcher, "ends"), (JobRecords, "item")])
def test_an_accepted_image_is_202_whatever_waiting_does(
    client: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    failing: tuple[type, str],
) -> None:
    def fail(*_: object) -> object:
        raise error

    monkeypatch.setattr(*failing, fail)
    answer = segment(client, picture(), params={"wait": 0.1})
    assert answer.status_code == 202
    assert client.get(answer.headers["Location"]).json()["counts"]["total"] == 1


@pytest.mark.usefixtures("busy_worker")
def test_a_mask_that_cannot_be_read_now_is_202(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> object:
        raise StoreUnavailable("The disk is away.")

    monkeypatch.setattr(RenderingService, "render_now", fail)
    assert segment(client, picture()).status_code == 202


def test_waiting_calls_are_limited_and_accepted(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, empty_api: Any, begin: Call
) -> None:
    streams = empty_api.app.state.components.streams
    monkeypatch.setattr(streams, "_limit_per_address", 0)
    assert segment(client, picture(), params={"wait": 30}).status_code == 202
