"""HEAD is answered wherever GET is."""

from __future__ import annotations

from datetime import timedelta

import httpx

from storage.objects.local import LocalStore
from tests.harness.api.submission import UNKNOWN, submit
from tests.harness.images.api_images import picture, put


def test_head_is_get_without_a_body(client: httpx.Client, store: LocalStore) -> None:
    job_id = submit(client, [put(client, picture())])
    store.put("large", bytes(2**20), "image/png")
    addresses = ["/healthz", "/", "/v1/images", f"/v1/jobs/{job_id}"]
    for address in [*addresses, store.url("large", timedelta(minutes=1))]:
        got, head = client.get(address), client.head(address)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
        assert head.headers.get("Content-Length") == got.headers.get("Content-Length")


def test_head_of_an_error_and_of_an_endless_answer(client: httpx.Client) -> None:
    job_id = submit(client, [put(client, picture())])
    assert httpx.head(client.base_url.join(f"/v1/jobs/{UNKNOWN}")).status_code == 404
    head = client.head(f"/v1/jobs/{job_id}/events")
    assert head.headers["Content-Type"].startswith("text/event-stream")
