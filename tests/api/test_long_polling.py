"""A client that waits for the end of a job rather than ask again and again."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from api.long_polling import preferred_wait
from tests.harness.api.submission import UNKNOWN, submit
from tests.harness.images.api_images import put_many
from tests.harness.waiting import PATIENCE_S
from tests.harness.worker.fake_worker import FakeWorker


@pytest.mark.parametrize(
    ("query", "headers", "applied"),
    [
        ("?wait=20", {}, None),
        ("", {"Prefer": "wait=20"}, "wait=20"),
        ("", {"Prefer": "respond-async, wait=20"}, "wait=20"),
    ],
)
def test_a_waiting_client_hears_of_the_end_at_once(
    client: httpx.Client,
    worker: FakeWorker,
    query: str,
    headers: dict[str, str],
    applied: str | None,
) -> None:
    job_id = submit(client, put_many(client, 2))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, f"/v1/jobs/{job_id}{query}", headers=headers)
        worker.succeed(job_id, 0)
        assert not answer.done()
        worker.succeed(job_id, 1)
        worker.release()
        response = answer.result(PATIENCE_S)
    assert response.json()["state"] == "succeeded"
    assert response.headers.get("Preference-Applied") == applied


def test_a_client_may_wait_for_the_end_while_it_hands_a_job_in(
    client: httpx.Client, worker: FakeWorker
) -> None:
    body = {"images": [{"id": image} for image in put_many(client, 1)], "lane": "interactive"}
    with ThreadPoolExecutor(1) as pool:
        key = {"Idempotency-Key": "the same"}
        headers = {"Prefer": "wait=20"} | key
        answer = pool.submit(client.post, "/v1/jobs", json=body, headers=headers)
        while not (jobs := client.get("/v1/jobs").json()["jobs"]):
            time.sleep(0.02)
        worker.succeed(jobs[0]["id"], 0)
        worker.release()
        response = answer.result(PATIENCE_S)
    assert (response.status_code, response.json()["state"]) == (200, "succeeded")
    assert response.headers["Location"] == f"/v1/jobs/{response.json()['id']}"
    assert response.headers["Preference-Applied"] == "wait=20"
    again = client.post("/v1/jobs", json=body, headers=key)
    assert again.json()["id"] == response.json()["id"]


def test_a_wait_for_a_new_job_that_is_over_tells_how_far_it_is(client: httpx.Client) -> None:
    body = {"images": [{"id": image} for image in put_many(client, 1)]}
    began = time.monotonic()
    answer = client.post("/v1/jobs?wait=0.3", json=body)
    assert time.monotonic() - began >= 0.3
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")


def test_a_wait_that_is_over_tells_how_far_it_is(client: httpx.Client, worker: FakeWorker) -> None:
    job_id = submit(client, put_many(client, 2))
    worker.begin(job_id, 1)
    began = time.monotonic()
    job = client.get(f"/v1/jobs/{job_id}?wait=0.3").json()
    assert time.monotonic() - began >= 0.3
    assert (job["state"], job["counts"]["running"]) == ("running", 2)


@pytest.mark.parametrize("wait", ["-1", "61", "x"])
def test_nobody_waits_longer_than_a_minute(client: httpx.Client, wait: str) -> None:
    answer = client.get(f"/v1/jobs/{UNKNOWN}?wait={wait}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, None),
        ("", None),
        ("respond-async", None),
        ("wait=10", 10),
        ("respond-async, wait = 10; foo=1", 10),
        ('WAIT="5"', 5),
        ("wait=99999", 60),
        ("wait=-1", None),
        ("await=3", None),
        ("wait=1.5", None),
    ],
)
def test_prefer_is_read_as_the_standard_says(prefer: str | None, seconds: int | None) -> None:
    assert preferred_wait(prefer) == seconds
