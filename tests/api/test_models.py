"""Models on the wire: what there is, what is in service, and what a job that names one gets."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from redis import Redis

from roadmask import Client
from storage.artifacts import Artifacts, Version
from storage.in_service import InService
from storage.local_store import LocalStore
from storage.roll import Roll
from tests.api.fake_worker import FakeWorker
from tests.api.pictures import put_many
from tests.api.server import ApiServer
from tests.artifacts import write_artifact


@pytest.fixture
def published(store: LocalStore, tmp_path: Path) -> list[Version]:
    """Two models in the store."""
    versions = []
    for name in ("first", "second"):
        versions.append(write_artifact(tmp_path / name, name, name.encode()))
        Artifacts(store).push(tmp_path / name, versions[-1])
    return versions


@pytest.fixture
def in_service(redis: Redis, store: LocalStore) -> InService:
    return InService(redis, store)


def model_of(client: httpx.Client, **request: object) -> str:
    images = [{"id": image_id} for image_id in put_many(client, 1)]
    answer = client.post("/v1/jobs", json={"images": images, **request})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["model"])


def test_models_are_listed_with_their_cards_and_the_history(
    client: httpx.Client, published: list[Version], in_service: InService, redis: Redis
) -> None:
    first, second = published
    Roll(redis).tell("w", {"own_model": "own@1", "models": ["own@1", str(first)]})
    assert client.get("/v1/models").json()["in_service"] == "own@1"
    in_service.promote(str(first))
    in_service.promote(str(second))
    told = client.get("/v1/models").json()
    assert told["in_service"] == str(second)
    assert [(m["name"], m["in_service"], m["published"]) for m in told["models"]] == [
        ("first", False, True),
        ("second", True, True),
        ("own", False, False),
    ]
    assert told["models"][0]["size"] == len(b"first")
    assert told["models"][0]["mean_iou"] == 0.5
    assert told["models"][0]["card"]["version"] == first.version
    assert told["models"][2]["card"] is None
    assert [turn["model"] for turn in told["history"]] == [str(second), str(first)]


def test_a_job_keeps_the_version_that_was_in_service_when_it_was_accepted(
    client: httpx.Client,
    published: list[Version],
    in_service: InService,
    worker: FakeWorker,
) -> None:
    first, second = published
    in_service.promote(str(first))
    images = [{"id": image_id} for image_id in put_many(client, 2)]
    request = {"images": images, "model": "default"}
    key = {"Idempotency-Key": "once"}
    job = client.post("/v1/jobs", json=request, headers=key).json()
    assert job["model"] == str(first)
    assert worker.begin(job["id"], 0).model == str(first)

    in_service.promote(str(second))
    assert model_of(client) == str(second)
    assert worker.begin(job["id"], 1).model == str(first)
    replayed = client.post("/v1/jobs", json=request, headers=key)
    assert replayed.status_code == 200
    assert (replayed.json()["id"], replayed.json()["model"]) == (job["id"], str(first))

    in_service.rollback()
    assert model_of(client) == str(first)
    assert model_of(client, model="second") == str(second)


def test_an_unknown_model_is_refused_when_the_job_is_sent(
    client: httpx.Client, published: list[Version], redis: Redis
) -> None:
    assert model_of(client, model="nowhere") == "nowhere"
    Roll(redis).tell("w", {"own_model": "own@1", "models": ["own@1"]})
    assert model_of(client, model="own") == "own"
    for name in ("nowhere", "first@1", "../first"):
        images = [{"id": image_id} for image_id in put_many(client, 1)]
        refused = client.post("/v1/jobs", json={"images": images, "model": name})
        assert (refused.status_code, refused.json()["code"]) == (404, "model_not_found")
    form = {"files": ("a.jpg", b"bytes")}
    refused = client.post("/v1/jobs", files=form, data={"job": '{"model": "nowhere"}'})
    assert (refused.status_code, refused.json()["code"]) == (404, "model_not_found")


def test_one_model_is_shown_by_whatever_a_job_may_call_it(
    client: httpx.Client, published: list[Version], in_service: InService, empty_api: ApiServer
) -> None:
    first, _ = published
    with Client(empty_api.url) as own:
        assert own.artifact() is None
        in_service.promote(str(first))
        assert own.artifact() == own.artifact("first") == own.artifact(str(first)) == str(first)
    for name in ("default", "first", first.version, str(first)):
        shown = client.get(f"/v1/models/{name}").json()
        assert (shown["version"], shown["in_service"]) == (first.version, True)
    assert client.get("/v1/models/nowhere").status_code == 404
