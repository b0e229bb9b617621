"""`segment` in one request, and by upload and job with a service that does not have the route."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roadmask import Client
from roadmask.errors import ImageUnreadable, IncompatibleService, ModelNotFound
from roadmask.masks.codec import encode_mask
from roadmask.schemas.pixels import Pixels
from roadmask.schemas.wire import ITEM_HEADER
from tests.harness.api.server import ApiServer
from tests.harness.client.stub_server import StubResponse, problem, stub_server
from tests.harness.client.sync_async_client import SyncAsyncClient
from tests.harness.images.api_images import picture
from tests.harness.worker.fake_worker import SIZE, FakeWorker

MASK = np.ones(SIZE, np.uint8)
ITEM = {
    "index": 0,
    "image_id": "sha256-0",
    "custom_id": "été.jpg",
    "state": "succeeded",
    "result": {
        "mask_key": "masks/a.png",
        "width": SIZE[1],
        "height": SIZE[0],
        "shares": {"flat": 1.0},
        "artifact": "m@1",
        "shade": "of a newer service",
    },
}


@pytest.fixture(params=[Client, SyncAsyncClient], ids=["blocking", "async"])
def connect(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def client(empty_api: ApiServer, connect: Any) -> Iterator[Any]:
    with connect(empty_api.url, patience=5) as client:
        yield client


def masked(item: dict[str, Any]) -> StubResponse:
    return StubResponse(body=encode_mask(MASK), headers={ITEM_HEADER: json.dumps(item)})


def test_one_request_brings_the_mask_and_its_item(connect: Any, tmp_path: Path) -> None:
    photo = tmp_path / "été.jpg"
    photo.write_bytes(picture())
    with stub_server(masked(ITEM)) as stub, connect(stub.url) as client:
        mask, item = client.segment(photo, timeout=7, quality="best", pixels=Pixels(bits=12))
    [request] = stub.requests
    np.testing.assert_array_equal(mask, MASK)
    assert (item.custom_id, item.result.artifact) == ("été.jpg", "m@1")
    path, _, query = request.path.partition("?")
    assert (request.method, path, request.body) == ("POST", "/v1/segment", picture())
    assert set(query.split("&")) == {
        "wait=7",
        "quality=best",
        "pixels=%7B%22bits%22%3A+12%7D",
        "name=%C3%A9t%C3%A9.jpg",
    }
    assert request.headers["idempotency-key"]


def test_a_lost_answer_is_asked_for_again_with_the_same_key(connect: Any) -> None:
    lost = StubResponse(body=b"", cut=True)
    with stub_server(lost, masked(ITEM)) as stub, connect(stub.url, patience=5) as client:
        client.segment(picture())
    keys = [request.headers["idempotency-key"] for request in stub.requests]
    assert (len(keys), len(set(keys))) == (2, 1)


def test_an_older_service_gets_an_upload_and_a_job(
    client: Any, worker: FakeWorker, busy_worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roadmask.client.calls.segment_route.PATH", "/v1/segment-of-no-revision")
    for number in range(2):
        mask, item = client.segment(picture(number), timeout=20)
        np.testing.assert_array_equal(mask, MASK)
        assert item.result.shares["flat"] == 1


def test_an_older_service_is_asked_once(connect: Any) -> None:
    missing = problem(404, code="not_found", detail="It does not exist.")
    refused = problem(404, code="model_not_found", detail="There is none.")
    with stub_server(missing, refused) as stub, connect(stub.url) as client:
        for _ in range(2):
            with pytest.raises(ModelNotFound):
                client.segment(picture(), model="other")
    assert [request.path.partition("?")[0] for request in stub.requests] == [
        "/v1/segment",
        "/v1/images/missing",
        "/v1/images/missing",
    ]


def test_a_missing_model_is_no_missing_route(connect: Any) -> None:
    refused = problem(404, code="model_not_found", detail="There is none.")
    with stub_server(refused) as stub, connect(stub.url) as client:
        for _ in range(2):
            with pytest.raises(ModelNotFound):
                client.segment(picture())
    assert {request.path.partition("?")[0] for request in stub.requests} == {"/v1/segment"}


def test_a_mask_that_takes_longer_is_waited_for(client: Any, worker: FakeWorker) -> None:
    with pytest.raises(TimeoutError):
        client.segment(picture(), timeout=0.2)
    [job] = client.jobs()
    worker.finish(job.id)
    assert client.job(job).counts.succeeded == 1


def test_an_image_at_fault_raises_its_error(connect: Any) -> None:
    failed = problem(422, code="image_unreadable", detail="It is damaged.", job="…")
    with (
        stub_server(failed) as stub,
        connect(stub.url) as client,
        pytest.raises(ImageUnreadable, match="damaged"),
    ):
        client.segment(picture())


@pytest.mark.parametrize("headers", [{}, {ITEM_HEADER: "{"}, {ITEM_HEADER: "{}"}])
def test_an_answer_without_an_item(connect: Any, headers: dict[str, str]) -> None:
    with (
        stub_server(StubResponse(body=encode_mask(MASK), headers=headers)) as stub,
        connect(stub.url) as client,
        pytest.raises(IncompatibleService),
    ):
        client.segment(picture())
