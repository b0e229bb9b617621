"""A dataset says what the samples of its images mean, and jobs over it take that."""

from __future__ import annotations

import io
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image

from roadmask.schemas.pixels import Pixels
from tests.harness.api.submission import submit
from tests.harness.images.api_images import HEIGHT, WIDTH, digest, picture, put, put_many
from tests.harness.worker.fake_worker import FakeWorker

THERMAL = {"bits": None, "cfa": None, "curve": None, "range": [7000.0, 9000.0]}


def register(client: httpx.Client, dataset: str, *images: bytes, **more: Any) -> httpx.Response:
    for image in images:
        put(client, image)
    entries = [{"name": f"{n}", "sha256": digest(data), **more} for n, data in enumerate(images)]
    return client.post(f"/v1/datasets/{dataset}/images", json=entries)


def thermal(low: int = 7000) -> bytes:
    """A 16-bit grey PNG whose samples are all between `low` and `low` + 2000."""
    rows = np.linspace(low, low + 2000, HEIGHT).astype(np.uint16)
    return cv2.imencode(".png", np.repeat(rows[:, None], WIDTH, axis=1))[1].tobytes()


def test_jobs_over_a_dataset_take_its_pixels(client: httpx.Client, worker: FakeWorker) -> None:
    made = register(client, "night", thermal(), thermal(6990), pixels={"range": [7000, 9000]})
    assert [image["pixels"] for image in made.json()] == [THERMAL, THERMAL]
    assert client.get("/v1/images/night/0").json()["pixels"] == THERMAL
    lines = '{"name": "lines"}\n{"id": "night/1"}\n'
    answers = [
        client.post("/v1/jobs", json={"dataset": "night"}),
        client.post("/v1/jobs", json={"prefix": "night/"}),
        client.post("/v1/jobs", json={"images": [{"id": "night/1"}]}),
        client.post("/v1/jobs", content=lines, headers={"Content-Type": "application/x-ndjson"}),
    ]
    for job in (answer.json() for answer in answers):
        assert job["pixels"] == THERMAL
        assert worker.begin(job["id"], 0).parameters.pixels == Pixels(range=(7000, 9000))


def test_a_job_says_otherwise_or_nothing(client: httpx.Client) -> None:
    register(client, "night", thermal(), pixels={"range": [7000, 9000]}).raise_for_status()
    other = client.post("/v1/jobs", json={"dataset": "night", "pixels": {"bits": 14}}).json()
    assert other["pixels"] == {"bits": 14, "cfa": None, "curve": None, "range": None}
    nothing = client.post("/v1/jobs", json={"dataset": "night", "pixels": {}}).json()
    assert nothing["pixels"] is None


def test_images_of_unlike_pixels_need_a_job_that_says_them(client: httpx.Client) -> None:
    register(client, "night", thermal(), pixels={"range": [7000, 9000]}).raise_for_status()
    [upload] = put_many(client, 1)
    for ids in (["night/0", upload], [upload, "night/0"]):
        request = {"images": [{"id": image_id} for image_id in ids]}
        refused = client.post("/v1/jobs", json=request)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
        assert "range=7000..9000" in refused.json()["detail"]
        assert client.post("/v1/jobs", json={**request, "pixels": {"bits": 16}}).status_code == 202


def test_pixels_are_replaced_with_the_entry(client: httpx.Client) -> None:
    for said in ({"bits": 12}, {"bits": 14}, None):
        made = register(client, "deep", thermal(), pixels=said).json()
        assert (made[0]["pixels"] or {}).get("bits") == (said or {}).get("bits")
    wrong = register(client, "deep", thermal(), pixels={"bits": 40})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("said", [None, {"range": [7000, 9000]}])
def test_a_thumbnail_is_read_with_the_pixels(
    client: httpx.Client, said: dict[str, Any] | None
) -> None:
    register(client, "seen", thermal(), pixels=said).raise_for_status()
    shown = client.get("/v1/images/seen/0/thumbnail", follow_redirects=True)
    pixels = np.array(Image.open(io.BytesIO(shown.content)))
    # Unread, 7000 to 9000 of 14 bits are a narrow grey.
    assert (np.ptp(pixels) > 200) == (said is not None)


def test_an_overlay_is_read_with_the_pixels_of_its_mask(
    client: httpx.Client, worker: FakeWorker
) -> None:
    image_id = put(client, thermal())
    job = submit(client, [image_id], pixels={"range": [7000, 9000]})
    worker.finish(job)
    mask = f"/v1/jobs/{job}/items/0/mask"
    bright = np.array(
        Image.open(io.BytesIO(client.get(mask, params={"format": "overlay"}).content))
    )
    assert np.ptp(bright) > 100


def test_an_image_of_a_dataset_without_pixels_says_nothing(client: httpx.Client) -> None:
    register(client, "plain", picture(1)).raise_for_status()
    assert client.get("/v1/images/plain/0").json()["pixels"] is None
    assert client.post("/v1/jobs", json={"dataset": "plain"}).json()["pixels"] is None
