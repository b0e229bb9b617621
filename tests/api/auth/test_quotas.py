"""Requests at the same moment stay within the rate and the quotas of their key together."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import httpx
import pytest
from redis import Redis

from roadmask.errors import StoreUnavailable
from roadmask.schemas.media_types import NDJSON
from storage.access.key_usage import BATCH, ITEMS
from storage.access.quota_holds import HOLDS, Hold
from storage.objects.local import LocalStore
from tests.harness.api.callers import Callers
from tests.harness.api.submission import submit
from tests.harness.images.api_images import digest, picture, put
from tests.harness.storage.usage import bytes_stored

AT_ONCE = 16


def at_once(send: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    """The answers to requests that are sent at the same moment."""
    begin = Barrier(AT_ONCE)

    def request(number: int) -> httpx.Response:
        begin.wait()
        return send(number)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(request, range(AT_ONCE)))


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def create(client: httpx.Client, ids: list[str], **headers: str) -> httpx.Response:
    images = [{"id": image} for image in ids]
    return client.post("/v1/jobs", json={"images": images}, headers=headers)


def test_jobs_at_once_stay_within_the_quota_of_images(callers: Callers, redis: Redis) -> None:
    client = callers.client("many", quota_items=7)
    image = put(client, picture())
    answers = at_once(lambda _: create(client, [image, image]))
    assert statuses(answers) == {202: 3, 429: AT_ONCE - 3}
    submit(client, [image])
    assert redis.keys(f"{HOLDS}*") == []


def test_uploads_at_once_stay_within_the_quota_of_bytes(callers: Callers, redis: Redis) -> None:
    pictures = [picture(seed) for seed in range(AT_ONCE)]
    quota = 3 * max(map(len, pictures))
    client = callers.client("small", quota_bytes=quota)
    [key] = callers.storage.api_keys.list()

    def upload(number: int) -> httpx.Response:
        body = pictures[number]
        return client.put(f"/v1/images/sha256-{digest(body)}", content=body)

    answers = at_once(upload)
    stored = [len(pictures[n]) for n, answer in enumerate(answers) if answer.is_success]
    assert statuses(answers) == {201: len(stored), 429: AT_ONCE - len(stored)}
    assert len(stored) >= 3
    assert sum(stored) <= quota
    assert bytes_stored(callers.storage, key.id) == sum(stored)
    assert redis.keys(f"{HOLDS}*") == []


def test_requests_at_once_stay_within_the_rate(callers: Callers) -> None:
    client = callers.client("quick", rate=3)
    counts = statuses(at_once(lambda _: client.get("/v1/taxonomy")))
    # Twice as many, if a minute ends meanwhile.
    assert counts[200] in range(3, 7)
    assert counts[429] == AT_ONCE - counts[200]


def test_a_refused_job_gives_back_what_it_held(callers: Callers) -> None:
    client = callers.client("few", quota_items=BATCH + 1)
    image = put(client, picture())
    lines = ["{}", *[f'{{"id": "{image}"}}'] * (BATCH + 1)]
    lists = {"unknown": [*lines[:-1], '{"id": "no/image"}'], "too long": [*lines, lines[-1]]}
    expected = {"unknown": 404, "too long": 429, "whole": 202, "one more": 429}
    lists |= {"whole": lines, "one more": lines[:2]}
    for name, each in lists.items():
        headers = {"Content-Type": NDJSON}
        answer = client.post("/v1/jobs", content="\n".join(each), headers=headers)
        assert answer.status_code == expected[name], name


def test_a_refused_upload_gives_back_what_it_held(
    callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = picture(1), picture(2)
    client = callers.client("small", quota_bytes=max(len(first), len(second)))
    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "put", fail)
        assert client.put(f"/v1/images/sha256-{digest(first)}", content=first).status_code == 503
    put(client, second)


def fail(*_: object) -> None:
    raise StoreUnavailable("the disk is full")


def test_the_repetition_of_a_request_needs_no_quota(callers: Callers) -> None:
    client = callers.client("few", quota_items=2)
    image = put(client, picture())
    key = {"Idempotency-Key": "same"}
    first = create(client, [image, image], **key)
    again = create(client, [image, image], **key)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["id"] == first.json()["id"]
    assert create(client, [image], **key).json()["code"] == "idempotency_conflict"
    assert create(client, [image]).json()["code"] == "quota_exceeded"


def test_what_a_dead_process_held_is_free_again(callers: Callers, redis: Redis) -> None:
    client = callers.client("few", quota_items=2)
    [key] = callers.storage.api_keys.list()
    image = put(client, picture())
    [held] = Hold(f"{ITEMS}{datetime.now(UTC):%Y%m%d}", key.id, "dead").keys[1:]
    now = int(time.time())
    redis.hset(held, "dead", f"2 {now + 1000}")
    redis.expire(held, 1000)
    assert create(client, [image]).status_code == 429
    redis.hset(held, "dead", f"2 {now - 1}")
    assert create(client, [image]).status_code == 202
