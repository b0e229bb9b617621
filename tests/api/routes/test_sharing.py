"""Sharing: another key reads what is shared with it, and nothing else; every route is tried."""

from __future__ import annotations

import itertools
import json

import httpx
import numpy as np
import pytest
from click.testing import CliRunner
from fastapi import FastAPI
from redis import Redis

from roadmask import Client
from roadmask.cli.share import share as share_command
from roadmask.masks.codec import encode_mask
from roadmask.schemas.ownership.sharing import SharedKind, Sharing
from storage.access.api_key import Scope
from tests.api.auth.test_access import READS, filled
from tests.api.auth.test_keys import operations
from tests.harness.api.callers import Callers
from tests.harness.api.server import ApiServer
from tests.harness.api.submission import submit
from tests.harness.images.api_images import HEIGHT, WIDTH, digest, picture, put
from tests.harness.worker.fake_worker import FakeWorker

OF_OWNERS = {
    "/v1/jobs/{job_id}/sharing",
    "/v1/jobs/{job_id}/webhook",
    "/v1/datasets/{name}/sharing",
}
"""Paths that a reader may not even read."""


SHARED: dict[SharedKind, str] = {"job": "", "dataset": "own"}


@pytest.fixture
def owner(callers: Callers) -> httpx.Client:
    return callers.client("owner")


@pytest.fixture
def reader(callers: Callers) -> httpx.Client:
    return callers.client("reader")


@pytest.fixture
def stranger(callers: Callers) -> httpx.Client:
    return callers.client("stranger")


@pytest.fixture
def job_id(owner: httpx.Client, worker: FakeWorker) -> str:
    put(owner, picture())
    entry = {"name": "one", "sha256": digest(picture())}
    assert owner.post("/v1/datasets/own/images", json=[entry]).status_code == 201
    job_id = submit(owner, ["own/one"])
    worker.finish(job_id)
    return job_id


def id_of(client: httpx.Client) -> str:
    return client.headers["X-API-Key"].split("_")[1]


def share(owner: httpx.Client, path: str, *keys: str, everyone: bool = False) -> httpx.Response:
    return owner.put(f"{path}/sharing", json={"keys": list(keys), "everyone": everyone})


def listed(client: httpx.Client) -> list[str]:
    return [job["id"] for job in client.get("/v1/jobs").json()["jobs"]]


def tried(app: FastAPI, *parameters: str) -> list[tuple[str, str]]:
    return [
        (method, path)
        for method, path in operations(app)
        if any(f"{{{name}}}" in path for name in parameters)
        and not (path.endswith("/events") and method == "GET")
    ]


@pytest.mark.parametrize("everyone", [False, True])
def test_each_route_of_a_job_is_read_and_none_changes_it(
    api: ApiServer,
    owner: httpx.Client,
    reader: httpx.Client,
    stranger: httpx.Client,
    job_id: str,
    everyone: bool,
) -> None:
    keys = () if everyone else (id_of(reader),)
    answer = share(owner, f"/v1/jobs/{job_id}", *keys, everyone=everyone)
    assert answer.json() == {"everyone": everyone, "keys": list(keys)}
    paths = tried(api.app, "job_id")
    assert len(paths) > 15
    for method, path in paths:
        address = filled(path, job_id=job_id)
        seen = reader.request(method, address)
        if method in READS and path not in OF_OWNERS:
            assert seen.status_code == owner.request(method, address).status_code, path
        else:
            assert (seen.status_code, seen.json()["code"]) == (403, "insufficient_scope"), path
        unseen = stranger.request(method, address)
        assert unseen.status_code == (seen.status_code if everyone else 404), (method, path)
    assert listed(reader) == [job_id]
    assert listed(stranger) == ([job_id] if everyone else [])
    assert share(owner, f"/v1/jobs/{job_id}").json() == {"everyone": False, "keys": []}
    for method, path in paths:
        assert reader.request(method, filled(path, job_id=job_id)).status_code == 404, path


@pytest.mark.parametrize("everyone", [False, True])
def test_each_route_of_a_dataset_is_read_and_none_changes_it(
    api: ApiServer,
    callers: Callers,
    owner: httpx.Client,
    reader: httpx.Client,
    stranger: httpx.Client,
    job_id: str,
    everyone: bool,
) -> None:
    keys = () if everyone else (id_of(reader),)
    assert share(owner, "/v1/datasets/own", *keys, everyone=everyone).is_success
    admin = callers.client("admin", (Scope.ADMIN,))
    values = {"image_id": "own/one", "name": "own"}
    entry = {"name": "two", "sha256": digest(picture())}
    for (method, path), client in itertools.product(tried(api.app, *values), (reader, stranger)):
        address, body = filled(path, **values), json.dumps([entry]).encode()
        if path.endswith("/truth"):
            body = encode_mask(np.zeros((HEIGHT, WIDTH), np.uint8))
        elif path.endswith("/sharing"):
            body = b"{}"
        headers = {"Content-Type": "application/json"}
        seen = client.request(method, address, content=body, headers=headers)
        if client is stranger and not everyone:
            assert seen.status_code in (403, 404), (method, path)
        elif method in READS and path not in OF_OWNERS:
            assert seen.status_code == owner.request(method, address).status_code, path
        else:
            codes = {"insufficient_scope", "dataset_taken", "image_not_found"}
            assert seen.json()["code"] in codes, (method, path)
    for client, count in ((owner, 1), (reader, 1), (stranger, int(everyone)), (admin, 1)):
        assert client.get("/v1/images").json()["total"] == count
        assert len(client.get("/v1/datasets").json()) == count
    assert reader.post("/v1/jobs", json={"dataset": "own"}).status_code == 202
    # What is added later is shared as well.
    put(owner, picture(2))
    entry = {"name": "two", "sha256": digest(picture(2))}
    assert owner.post("/v1/datasets/own/images", json=[entry]).status_code == 201
    assert reader.get("/v1/images?dataset=own").json()["total"] == 2
    assert share(owner, "/v1/datasets/own").is_success
    assert reader.get("/v1/images").json()["images"] == []
    assert reader.get("/v1/images/own/two").status_code == 404
    assert reader.post("/v1/jobs", json={"dataset": "own"}).status_code == 404
    assert owner.get("/v1/images").json()["total"] == 2
    assert admin.get("/v1/images").json()["total"] == 2


def test_sharing_outlives_redis(
    callers: Callers, owner: httpx.Client, reader: httpx.Client, job_id: str, redis: Redis
) -> None:
    running = submit(owner, ["own/one"])
    for path in (f"/v1/jobs/{job_id}", f"/v1/jobs/{running}", "/v1/datasets/own"):
        assert share(owner, path, id_of(reader)).is_success
    redis.flushall()
    callers.storage.reconciler.run()
    assert reader.get("/v1/images").json()["total"] == 1
    assert {job["id"] for job in reader.get("/v1/jobs").json()["jobs"]} == {job_id, running}
    assert reader.delete("/v1/images/own/one").status_code == 403
    assert owner.delete("/v1/datasets/own").status_code == 202
    assert reader.get("/v1/images").json()["total"] == 0


def test_only_a_key_that_exists_is_shared_with(owner: httpx.Client, job_id: str) -> None:
    for path in (f"/v1/jobs/{job_id}", "/v1/datasets/own"):
        answer = share(owner, path, "0123456789ab")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert "no key with the id 0123456789ab" in answer.json()["detail"]
        assert share(owner, path, "reader").status_code == 422
        assert owner.put(f"{path}/sharing", json={"all": True}).status_code == 422


def test_what_belongs_to_no_key_is_read_by_all_and_changed_by_an_admin_alone(
    client: httpx.Client, callers: Callers, worker: FakeWorker
) -> None:
    image = put(client, picture())
    client.post("/v1/datasets/old/images", json=[{"name": "a", "sha256": digest(picture())}])
    job_id = submit(client, [image] * 2)
    reader, admin = callers.client("reader"), callers.client("admin", (Scope.ADMIN,))
    assert reader.get(f"/v1/jobs/{job_id}").is_success
    for method, path in (("POST", f"/v1/jobs/{job_id}/cancel"), ("DELETE", f"/v1/jobs/{job_id}")):
        answer = reader.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    png = encode_mask(np.zeros((HEIGHT, WIDTH), np.uint8))
    for path in (f"/v1/images/{image}/truth", "/v1/images/old/a/truth"):
        answer = reader.put(path, content=png, headers={"Content-Type": "image/png"})
        assert (answer.status_code, answer.json()["code"]) == (403, "dataset_taken"), path
    for path in (f"/v1/jobs/{job_id}", "/v1/datasets/old"):
        assert share(reader, path, everyone=True).status_code == 403
        assert share(admin, path, everyone=True).json()["code"] == "conflict"
    assert admin.delete(f"/v1/jobs/{job_id}").status_code == 202


def test_keys_that_uploaded_the_same_bytes_do_not_share_a_truth(
    owner: httpx.Client, reader: httpx.Client
) -> None:
    image = put(owner, picture())
    size = owner.get(f"/v1/images/{image}").json()
    png = encode_mask(np.zeros((size["height"], size["width"]), np.uint8))
    headers = {"Content-Type": "image/png"}
    assert owner.put(f"/v1/images/{image}/truth", content=png, headers=headers).is_success
    put(reader, picture())
    assert owner.get(f"/v1/images/{image}").json()["truth_sha256"]
    assert reader.get(f"/v1/images/{image}").json()["truth_sha256"] is None
    assert reader.get(f"/v1/images/{image}/truth").status_code == 404
    answer = reader.put(f"/v1/images/{image}/truth", content=png, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "dataset_taken")


def test_client_and_program_share(owner: httpx.Client, reader: httpx.Client, job_id: str) -> None:
    url, key = str(owner.base_url), owner.headers["X-API-Key"]

    def run(*words: str) -> str:
        done = CliRunner().invoke(share_command, [*words, "--url", url, "--api-key", key])
        assert done.exit_code == 0, done.output
        return done.output

    with Client(url, key) as client:
        for kind, name in SHARED.items():
            named = job_id if kind == "job" else name
            assert "read by its owner alone" in run(kind, named)
            assert id_of(reader) in run(kind, named, "--key", id_of(reader))
            assert client.sharing(kind, named) == Sharing(keys=[id_of(reader)])
            assert client.share(kind, named, Sharing(everyone=True)).everyone
            assert "by every key" in run(kind, named)
            assert json.loads(run(kind, named, "--nobody", "--json")) == {
                "everyone": False,
                "keys": [],
            }
