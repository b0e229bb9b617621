"""The catalogue of the page's tests: 12 street images, 11 of them with truth, and 240 others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from roadmask.masks.codec import encode_mask
from tests.harness.images.worker_images import png
from tests.harness.waiting import PATIENCE_S, wait_until

STREETS = 12
MANY = 240
WIDTH, HEIGHT = 48, 32


def truth(seed: int) -> NDArray[np.uint8]:
    """An annotated mask, uint8 (HEIGHT, WIDTH), that has every category."""
    columns = (np.arange(WIDTH) // 6 + seed) % 8
    mask = np.tile(columns.astype(np.uint8), (HEIGHT, 1))
    mask[: HEIGHT // 2 - seed] = 1
    return mask


def fill_catalogue(url: str, many: int = MANY) -> None:
    """Add `streets/01` … with truth, except the last, and `many/000` … without truth."""
    with httpx.Client(base_url=url, timeout=30) as client:
        hashes = put(client, "images", [png(seed) for seed in range(STREETS + many)])
        truths = put(client, "truths", [encode_mask(truth(seed)) for seed in range(STREETS - 1)])
        streets = [
            {"name": f"{n + 1:02d}", "sha256": sha256, "truth_sha256": annotated}
            for n, (sha256, annotated) in enumerate(
                zip(hashes[:STREETS], [*truths, None], strict=True)
            )
        ]
        rest = [{"name": f"{n:03d}", "sha256": sha256} for n, sha256 in enumerate(hashes[STREETS:])]
        for name, entries in {"streets": streets, "many": rest}.items():
            client.post(f"/v1/datasets/{name}/images", json=entries).raise_for_status()


def add_dataset(url: str, name: str, first_seed: int) -> None:
    """Add `NAME/000` …, as many as `many` has, with pixels that no other image has."""
    with httpx.Client(base_url=url, timeout=30) as client:
        hashes = put(client, "images", [png(first_seed + n) for n in range(MANY)])
        entries = [{"name": f"{n:03d}", "sha256": sha256} for n, sha256 in enumerate(hashes)]
        client.post(f"/v1/datasets/{name}/images", json=entries).raise_for_status()


def run_job(url: str, body: dict[str, Any]) -> str:
    """Create a job, and wait for its end. Returns its id."""
    with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
        job: str = client.post("/v1/jobs", json=body).raise_for_status().json()["id"]
        wait_until(lambda: client.get(f"/v1/jobs/{job}", params={"wait": 10}).json()["finished_at"])
        return job


def put(client: httpx.Client, kind: str, files: Sequence[bytes]) -> list[str]:
    hashes = [hashlib.sha256(data).hexdigest() for data in files]
    for sha256, data in zip(hashes, files, strict=True):
        client.put(f"/v1/{kind}/sha256-{sha256}", content=data).raise_for_status()
    return hashes
