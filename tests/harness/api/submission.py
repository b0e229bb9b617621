"""Submits jobs to the API."""

from __future__ import annotations

import httpx

UNKNOWN = "00000000-0000-7000-8000-000000000000"


def submit(client: httpx.Client, ids: list[str], **request: object) -> str:
    answer = client.post("/v1/jobs", json={"images": [{"id": i} for i in ids], **request})
    assert answer.status_code == 202
    return str(answer.json()["id"])
