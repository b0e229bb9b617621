"""Lost connections to Redis cost no client an error, and an accepted job stays accepted."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread

import httpx
import pytest
from redis import Redis

from roadmask.errors import JobNotFound, RecordsUnavailable
from storage.jobs.records import JobRecords
from storage.jobs.watching.watcher import JobWatcher
from tests.harness.api.submission import submit
from tests.harness.images.api_images import put_many
from tests.harness.worker.fake_worker import FakeWorker


def job_of(client: httpx.Client) -> dict[str, object]:
    return {"images": [{"id": image} for image in put_many(client, 1)]}


@pytest.fixture
def killer(redis: Redis) -> Iterator[None]:
    """Closes all connections of clients again and again."""
    over = Event()

    def kill() -> None:
        while not over.wait(0.03):
            redis.client_kill_filter(_type="normal", skipme=True)

    thread = Thread(target=kill)
    thread.start()
    yield
    over.set()
    thread.join()


def test_closed_connections_cost_no_client_an_error(
    client: httpx.Client, redis: Redis, busy_worker: FakeWorker
) -> None:
    body = job_of(client)
    paths = ("", "?wait=20", "/events", "/items")
    for _ in range(3):
        redis.client_kill_filter(_type="normal", skipme=True)
        created = client.post("/v1/jobs?wait=20", json=body)
        assert (created.status_code, created.json()["state"]) == (200, "succeeded")
        for path in paths:
            redis.client_kill_filter(_type="normal", skipme=True)
            assert client.get(f"/v1/jobs/{created.json()['id']}{path}").status_code == 200
    assert len(client.get("/v1/jobs").json()["jobs"]) == 3


def test_polls_never_get_an_internal_error(
    client: httpx.Client, request: pytest.FixtureRequest
) -> None:
    # An upload or a submission may be answered with 503, too: the job is there before.
    job_id = submit(client, put_many(client, 1))
    request.getfixturevalue("killer")
    statuses = {client.get(f"/v1/jobs/{job_id}").status_code for _ in range(150)}
    assert statuses <= {200, 503}


@pytest.mark.parametrize("error", [RecordsUnavailable("?"), JobNotFound("?"), RuntimeError("?")])
def test_an_accepted_job_is_202_whatever_waiting_does(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    body = job_of(client)

    def fail(*_: object) -> object:
        raise error

    monkeypatch.setattr(JobWatcher, "wait", fail)
    with monkeypatch.context() as reading:
        reading.setattr(JobRecords, "read", fail)
        created = client.post("/v1/jobs?wait=20", json=body | {"name": "mine"})
    assert created.status_code == 202
    job = client.get(f"/v1/jobs/{created.json()['id']}").json()
    for name in ("id", "name", "state", "lane", "model", "counts", "urls"):
        assert created.json()[name] == job[name], name
    assert created.headers["Location"] == f"/v1/jobs/{job['id']}"


def test_an_image_that_was_accepted_by_rest_is_told_where_it_is(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> object:
        raise RecordsUnavailable("Redis does not answer.")

    monkeypatch.setattr(JobWatcher, "ends", fail)
    answer = client.post("/rest/", json={"image": [[[1, 2, 3]] * 8] * 8})
    assert (answer.status_code, answer.json()["code"]) == (504, "not_in_time")
    job_id = answer.json()["job"].rpartition("/")[2]
    assert client.get(f"/v1/jobs/{job_id}").json()["counts"]["total"] == 1
