"""Event streams and waiting requests have a limit; an accepted job is accepted all the same."""

from __future__ import annotations

import httpx
import pytest

from roadmask.settings import Settings
from tests.harness.api.submission import submit
from tests.harness.images.api_images import picture, put
from tests.harness.waiting import wait_until


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_streams_per_address": 1})


def test_an_address_has_a_limit_of_streams(client: httpx.Client) -> None:
    image = put(client, picture())
    job_id = submit(client, [image])
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        # An iterator that nobody holds would close the stream.
        blocks = stream.iter_bytes()
        next(blocks)
        for path in (f"/v1/jobs/{job_id}/events", f"/v1/jobs/{job_id}?wait=5"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
            assert answer.headers["Retry-After"]
        assert client.get(f"/v1/jobs/{job_id}").is_success
        accepted = client.post("/v1/jobs?wait=5", json={"images": [{"id": image}]})
        assert accepted.status_code == 202
    wait_until(lambda: client.get(f"/v1/jobs/{job_id}?wait=0.1").is_success)
