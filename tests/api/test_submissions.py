"""A flood of jobs is refused before it costs anything, and only for the client that sends it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from pydantic import SecretStr
from redis import Redis

from roadmask import Client
from roadmask.hashing import sha256_of
from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.jobs.keys import open_key
from tests.harness.api.server import ApiServer
from tests.harness.images.api_images import picture, put
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer

FLOOD, QUIET = "key of the flood", "key of a quiet client"
OPEN_JOBS = 30


@pytest.fixture(scope="module")
def settings(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A service with two keys: each may send 2 jobs a second, and 20 at once."""
    return Settings(
        redis_url=redis_server.url,
        data_dir=tmp_path_factory.mktemp("data"),
        secret=SecretStr("signs links in tests"),
        public_url=f"http://{HOST}:{free_port()}",
        api_key_hashes=[sha256_of(key.encode()) for key in (FLOOD, QUIET)],
        max_submissions_per_s=2.0,
        max_open_jobs=OPEN_JOBS,
    )


def client_of(api: ApiServer, key: str) -> httpx.Client:
    return httpx.Client(base_url=api.url, headers={"X-API-Key": key}, timeout=20)


def post(client: httpx.Client, image: str, lane: Lane = Lane.BATCH) -> httpx.Response:
    return client.post("/v1/jobs", json={"images": [{"id": image}], "lane": lane})


def test_a_flood_is_refused_and_a_quiet_client_is_not(empty_api: ApiServer, redis: Redis) -> None:
    with client_of(empty_api, FLOOD) as flood, client_of(empty_api, QUIET) as quiet:
        image = put(flood, picture())
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: post(flood, image), range(60)))
        refused = [answer for answer in answers if answer.status_code == 429]
        accepted = [answer for answer in answers if answer.status_code == 202]
        assert len(accepted) + len(refused) == 60
        # The bucket holds 20; the rest flowed in meanwhile.
        assert 20 <= len(accepted) < 40
        assert redis.zcard(open_key(Lane.BATCH)) == len(accepted)
        for answer in refused:
            assert answer.json()["code"] in ("too_many_requests", "queue_full")
            assert int(answer.headers["Retry-After"]) >= 1
        assert post(quiet, image, Lane.INTERACTIVE).status_code == 202


def test_a_full_lane_refuses_only_its_own_jobs(empty_api: ApiServer, redis: Redis) -> None:
    for n in range(OPEN_JOBS):
        redis.zadd(open_key(Lane.BATCH), {f"job {n}": n})
    with client_of(empty_api, QUIET) as client:
        image = put(client, picture())
        full = post(client, image)
        assert (full.status_code, full.json()["code"]) == (429, "queue_full")
        assert f"The lane batch is full: it has {OPEN_JOBS} open jobs" in full.json()["detail"]
        assert list(empty_api.app.state.components.storage.store.keys("jobs/")) == []
        assert post(client, image, Lane.INTERACTIVE).status_code == 202
    redis.delete(open_key(Lane.BATCH))


def test_the_client_goes_on_when_it_is_told_to(empty_api: ApiServer, redis: Redis) -> None:
    with client_of(empty_api, QUIET) as quiet:
        image = put(quiet, picture())
    with Client(empty_api.url, QUIET, patience=30) as client:
        jobs = [client.submit([image], lane=Lane.INTERACTIVE, name=str(n)) for n in range(23)]
    assert len({job.id for job in jobs}) == 23
