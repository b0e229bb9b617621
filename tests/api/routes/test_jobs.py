"""Jobs are accepted, followed, canceled and tried again."""

from __future__ import annotations

import httpx
import pytest
from redis import Redis

from roadmask.schemas.jobs import Lane
from storage.jobs.manifest import read_range
from storage.objects.local import LocalStore
from storage.queue import PREFIX
from tests.harness.api.submission import UNKNOWN, submit
from tests.harness.images.api_images import digest, picture, put, put_many
from tests.harness.worker.fake_worker import FakeWorker


def test_an_accepted_job_says_where_to_go_next(client: httpx.Client, redis: Redis) -> None:
    ids = put_many(client, 3)
    images = [{"id": image_id, "custom_id": f"mine-{n}"} for n, image_id in enumerate(ids)]
    answer = client.post("/v1/jobs", json={"images": images, "name": "three"})
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert "Idempotency-Replayed" not in answer.headers
    assert (job["state"], job["name"], job["lane"]) == ("queued", "three", "interactive")
    assert job["counts"]["queued"] == 3
    assert client.get(job["urls"]["self"]).json()["id"] == job["id"]
    items = client.get(job["urls"]["items"]).json()["items"]
    assert [(item["image_id"], item["custom_id"]) for item in items] == [
        (image_id, f"mine-{n}") for n, image_id in enumerate(ids)
    ]
    assert redis.llen(f"{PREFIX}{Lane.INTERACTIVE}") == 3


def test_a_job_of_a_dataset_has_its_images_and_their_truths(
    client: httpx.Client, store: LocalStore
) -> None:
    put_many(client, 3)
    entries = [{"name": f"{n}", "sha256": digest(picture(n))} for n in range(3)]
    client.post("/v1/datasets/scenes/images", json=entries).raise_for_status()
    for request in ({"dataset": "scenes"}, {"prefix": "scenes/"}):
        job = client.post("/v1/jobs", json=request).json()
        manifest = [item for item in read_range(store, job["id"], 0, 10) if item]
        assert [item.image for item in manifest] == ["scenes/0", "scenes/1", "scenes/2"]
        assert [item.sha256 for item in manifest] == [digest(picture(n)) for n in range(3)]


@pytest.mark.parametrize("request_", [{"dataset": "none"}, {"prefix": "none/"}])
def test_no_images_of_that_name_is_not_found(
    client: httpx.Client, request_: dict[str, str]
) -> None:
    answer = client.post("/v1/jobs", json=request_)
    assert (answer.status_code, answer.json()["code"]) == (404, "image_not_found")


def test_unknown_images_are_named_up_to_a_hundred(client: httpx.Client) -> None:
    known = put(client, picture())
    ids = [known, *(f"none/{n}" for n in range(2500))]
    answer = client.post("/v1/jobs", json={"images": [{"id": i} for i in ids]})
    assert (answer.status_code, answer.json()["code"]) == (404, "image_not_found")
    assert answer.json()["missing"] == ids[1:101]
    assert "2500 of 2501" in answer.json()["detail"]
    assert client.get("/v1/jobs").json()["jobs"] == []


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"images": []},
        {"images": [{"id": "../etc"}]},
        {"images": [{"id": "a/b", "custom_id": ""}]},
        {"images": [{"id": "a/b"}], "dataset": "scenes"},
        {"dataset": "scenes", "prefix": "scenes/"},
        {"prefix": "../"},
        {"dataset": "scenes", "lane": "fast"},
        {"dataset": "scenes", "error_threshold": 2},
        {"dataset": "scenes", "deadline_s": 0},
        {"dataset": "scenes", "callback": "http://10.0.0.1/"},
        [],
        "scenes",
    ],
)
def test_malformed_requests_are_said_to_be(client: httpx.Client, request_: object) -> None:
    answer = client.post("/v1/jobs", json=request_)
    assert answer.status_code == 422
    assert answer.json()["code"] in ("invalid_request", "invalid_id")


def test_the_fault_is_shown_by_its_place_and_not_repeated(client: httpx.Client) -> None:
    images = [{"id": "a/b"}, {"id": "a//b"}, {"id": "secret/../value"}]
    problem = client.post("/v1/jobs", json={"images": images}).json()
    assert [fault["where"] for fault in problem["errors"]] == ["images.1.id", "images.2.id"]
    assert "secret" not in str(problem)


def test_a_repeated_key_yields_the_same_job(client: httpx.Client) -> None:
    [image] = put_many(client, 1)
    body, headers = {"images": [{"id": image}]}, {"Idempotency-Key": "once"}
    first = client.post("/v1/jobs", json=body, headers=headers)
    second = client.post("/v1/jobs", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (202, 200)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.json()["id"] == first.json()["id"]
    assert second.headers["Location"] == first.headers["Location"]
    other = client.post("/v1/jobs", json={**body, "name": "other"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


def test_jobs_are_listed_newest_first_and_filtered(
    client: httpx.Client, worker: FakeWorker
) -> None:
    [image] = put_many(client, 1)
    ids = [submit(client, [image]) for _ in range(3)]
    ids.append(submit(client, [image], lane="batch"))
    worker.finish(ids[0])
    assert [job["id"] for job in client.get("/v1/jobs").json()["jobs"]] == ids[::-1]

    def listed(query: str) -> list[str]:
        return [job["id"] for job in client.get(f"/v1/jobs?{query}").json()["jobs"]]

    assert listed("state=succeeded") == ids[:1]
    assert listed("state=queued&state=succeeded") == ids[::-1]
    assert listed("lane=batch") == ids[3:]
    page = client.get("/v1/jobs?limit=3").json()
    assert listed(f"limit=3&cursor={page['next']}") == ids[:1]
    assert client.get("/v1/jobs?state=sleeping").status_code == 422


@pytest.mark.parametrize("job_id", [UNKNOWN, "x", "..", "a" * 300, "%2e%2e%2fjobs", "*", "%00"])
@pytest.mark.parametrize(
    "below",
    [
        "",
        "/items",
        "/items/0",
        "/items/0/mask",
        "/events",
        "/results.jsonl",
        "/archive.zip",
        "/annotations",
    ],
)
def test_an_unknown_job_is_never_pending(client: httpx.Client, job_id: str, below: str) -> None:
    path = f"/v1/jobs/{job_id}{below}".encode()
    answer = client.get(client.base_url.copy_with(raw_path=path))
    assert answer.status_code == 404
    assert answer.json()["code"] in ("job_not_found", "not_found")


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_an_unknown_job_can_be_neither_stopped_nor_retried(
    client: httpx.Client, action: str
) -> None:
    answer = client.post(f"/v1/jobs/{UNKNOWN}/{action}")
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


def test_cancel_stops_what_waits_and_keeps_what_is_done(
    client: httpx.Client, worker: FakeWorker
) -> None:
    job_id = submit(client, put_many(client, 3))
    worker.succeed(job_id, 0)
    job = client.post(f"/v1/jobs/{job_id}/cancel").json()
    assert (job["state"], job["counts"]["succeeded"]) == ("canceled", 1)
    assert job["counts"]["canceled"] == 2
    assert client.post(f"/v1/jobs/{job_id}/cancel").json()["state"] == "canceled"
    assert client.get(f"/v1/jobs/{job_id}/items/0/mask").is_success


def test_retry_runs_what_failed_again(
    client: httpx.Client, worker: FakeWorker, redis: Redis
) -> None:
    job_id = submit(client, put_many(client, 3))
    closed = client.post(f"/v1/jobs/{job_id}/retry")
    assert (closed.status_code, closed.json()["code"]) == (409, "job_closed")
    worker.finish(job_id, failing=(1,))
    assert client.get(f"/v1/jobs/{job_id}").json()["state"] == "completed_with_errors"
    redis.delete(f"{PREFIX}{Lane.INTERACTIVE}")
    again = client.post(f"/v1/jobs/{job_id}/retry")
    assert again.status_code == 202
    assert again.json()["counts"] | {"queued": 1, "succeeded": 2} == again.json()["counts"]
    assert redis.llen(f"{PREFIX}{Lane.INTERACTIVE}") == 1
    worker.finish(job_id)
    assert client.get(f"/v1/jobs/{job_id}").json()["state"] == "succeeded"


def test_a_full_queue_is_told_with_a_time_to_come_again(client: httpx.Client, redis: Redis) -> None:
    [image] = put_many(client, 1)
    redis.hset("rm:waiting", "batch", 5_000_000)
    answer = client.post("/v1/jobs", json={"images": [{"id": image}], "lane": "batch"})
    assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
    assert int(answer.headers["Retry-After"]) > 0
