"""Confidence: computed for jobs that ask, served like any other form, explained where missing."""

from __future__ import annotations

import io
import json

import httpx
import numpy as np

from roadmask.masks.codec import decode_mask
from storage.objects.keys import confidence_key
from storage.objects.local import LocalStore
from tests.harness.api.submission import submit
from tests.harness.images.api_images import picture, put_many
from tests.harness.worker.fake_worker import CONFIDENCE, SIZE, FakeWorker

GREY = round(255 * CONFIDENCE)


def test_a_job_that_asks_has_it_for_every_mask(client: httpx.Client, worker: FakeWorker) -> None:
    job_id = submit(client, put_many(client, 1), confidence=True)
    assert client.get(f"/v1/jobs/{job_id}").json()["confidence"] is True
    worker.finish(job_id)
    answer = mask(client, job_id, "confidence")
    assert answer.headers["Content-Type"] == "image/png"
    np.testing.assert_array_equal(decode_mask(answer.content), np.full(SIZE, GREY))
    arrays = np.load(io.BytesIO(mask(client, job_id, "npz").content))
    np.testing.assert_array_equal(arrays["confidence"], np.full(SIZE, GREY))


def test_a_form_with_files_can_ask_too(client: httpx.Client, worker: FakeWorker) -> None:
    files = {"files": ("front.jpg", picture(), "image/jpeg")}
    told = {"job": json.dumps({"confidence": True})}
    job_id = client.post("/v1/jobs", data=told, files=files).json()["id"]
    worker.finish(job_id)
    assert mask(client, job_id, "confidence").status_code == 200


def test_where_nobody_asked_the_error_says_how_to(client: httpx.Client, worker: FakeWorker) -> None:
    [image] = put_many(client, 1)
    job_id = submit(client, [image])
    assert client.get(f"/v1/jobs/{job_id}").json()["confidence"] is False
    worker.finish(job_id)
    answer = mask(client, job_id, "confidence")
    assert (answer.status_code, answer.json()["code"]) == (404, "confidence_not_found")
    assert image in answer.json()["detail"]
    assert '"confidence": true' in answer.json()["detail"]


def test_what_a_later_job_computes_is_there_for_the_earlier_one(
    client: httpx.Client, worker: FakeWorker, store: LocalStore
) -> None:
    job_id = submit(client, put_many(client, 1))
    worker.finish(job_id)
    before = mask(client, job_id, "npz")
    assert "confidence" not in np.load(io.BytesIO(before.content))
    key = client.get(f"/v1/jobs/{job_id}/items/0").json()["result"]["mask_key"]
    store.put(confidence_key(key), mask(client, job_id, "png").content, "image/png")
    assert mask(client, job_id, "confidence").status_code == 200
    tag = {"If-None-Match": before.headers["ETag"]}
    after = client.get(f"/v1/jobs/{job_id}/items/0/mask?format=npz", headers=tag)
    assert after.status_code == 200, "the copy without confidence is no longer good"
    assert "confidence" in np.load(io.BytesIO(after.content))


def mask(client: httpx.Client, job_id: str, form: str) -> httpx.Response:
    return client.get(f"/v1/jobs/{job_id}/items/0/mask?format={form}")
