"""Jobs of long lists: JSON lines, read as they are, one after another."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis

from api.bodies.ndjson import read_images, read_job
from roadmask.schemas.jobs import Lane
from storage.jobs.manifest import read_range
from storage.objects.local import LocalStore
from tests.harness.images.api_images import picture, put, put_many

LINES = {"Content-Type": "application/x-ndjson"}


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def post(client: httpx.Client, body: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
    return client.post("/v1/jobs", content=body, headers=LINES | headers)


def test_a_list_becomes_a_job_of_its_images_in_order(
    client: httpx.Client, store: LocalStore
) -> None:
    ids = put_many(client, 3)
    # More lines than are looked up at once, sent in chunks whose length is not known before.
    count = 2500
    images = ({"id": ids[n % 3], "custom_id": f"{n}"} for n in range(count))
    body = (lines(record) for record in ({"name": "long"}, *images))
    answer = post(client, body)
    job = answer.json()
    assert (answer.status_code, job["name"], job["lane"]) == (202, "long", Lane.BATCH)
    assert job["counts"]["total"] == count
    manifest = [item for item in read_range(store, job["id"], 0, count) if item]
    assert [item.custom_id for item in manifest] == [f"{n}" for n in range(count)]
    assert [item.image for item in manifest[:3]] == ids


def test_the_same_key_is_the_same_job_and_another_list_a_conflict(client: httpx.Client) -> None:
    first, second = put_many(client, 2)
    key = {"Idempotency-Key": "a list"}
    body = lines({}, {"id": first})
    made, again = (post(client, body, **key) for _ in range(2))
    assert (made.status_code, again.status_code) == (202, 200)
    assert made.json()["id"] == again.json()["id"]
    other = post(client, lines({}, {"id": second}), **key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (lines({}), "no image"),
        (b"{\n", "Line 1"),
        (lines({"images": [{"id": "a"}]}, {"id": "a"}), "lines after the first"),
        (lines({}, {"id": "../etc"}), "Line 2"),
        (b'{"name": "a", "name": "b"}\n{"id": "a/b"}\n', "Line 1"),
        (lines({}, {"id": "a/b"}) + b'{"id": "a/b", "id": "a/c"}\n', "'id' twice"),
        (lines({}) + b'{"id": "' + b"a" * 20_000 + b'"}\n', "Line 2 has more than"),
    ],
)
def test_a_malformed_list_is_refused_by_its_line(
    client: httpx.Client, body: bytes, words: str
) -> None:
    answer = post(client, body)
    assert answer.status_code in (400, 422)
    assert words in answer.json()["detail"]


def test_an_unknown_image_late_in_a_list_leaves_no_job_and_no_manifest(
    client: httpx.Client, store: LocalStore, redis: Redis
) -> None:
    known = put(client, picture())
    before = set(store.keys("jobs/"))
    answer = post(client, lines({}, *[{"id": known}] * 1500, {"id": "none/1"}))
    assert (answer.status_code, answer.json()["code"]) == (404, "image_not_found")
    assert answer.json()["missing"] == ["none/1"]
    assert set(store.keys("jobs/")) == before


def test_no_more_than_a_few_lines_are_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "list"
    count = 20_000
    path.write_bytes(lines({"lane": "batch"}) + lines({"id": "scenes/000001"}) * count)
    tracemalloc.start()
    try:
        assert read_job(path).lane is Lane.BATCH
        assert sum(1 for _ in read_images(path)) == count
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The ids alone would be more than that.
    assert peak < 300_000
