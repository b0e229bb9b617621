"""Annotated masks of other label sets are stored as categories."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest
from PIL import Image

from roadmask.masks.codec import encode_mask
from tests.harness.images.api_images import digest

TRAIN_IDS = np.array([[0, 2, 8], [13, 255, 10]], np.uint8)
CATEGORIES = np.array([[1, 2, 4], [7, 0, 5]], np.uint8)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def put(client: httpx.Client, mask: bytes, **query: str) -> httpx.Response:
    return client.put(f"/v1/truths/sha256-{digest(mask)}", content=mask, params=query)


@pytest.mark.parametrize("labels", ["cityscapes-trainids", "bdd100k", "cityscapes"])
def test_categories_are_stored(client: httpx.Client, labels: str) -> None:
    stored = encode_mask(CATEGORIES)
    answer = put(client, png(TRAIN_IDS), labels=labels)
    assert answer.status_code == 201
    assert answer.json() == {"sha256": digest(stored), "bytes": len(stored)}
    assert put(client, png(TRAIN_IDS), labels=labels).status_code == 200
    missing = client.post("/v1/truths/missing", json={"sha256": [digest(stored)]}).json()
    assert missing == {"sha256": []}


@pytest.mark.parametrize(
    ("mask", "query", "reason"),
    [
        (TRAIN_IDS, {"labels": "town"}, "is not a label set; choose from roadmask"),
        (TRAIN_IDS, {"labels": "/etc/passwd"}, "is not a label set"),
        (TRAIN_IDS, {"labels": "camvid11"}, "13 (1 pixels)"),
        (TRAIN_IDS + 19, {"labels": "cityscapes-trainids"}, "32 (1 pixels)"),
        (TRAIN_IDS, {}, "highest index"),
    ],
)
def test_what_the_label_set_does_not_have_is_refused(
    client: httpx.Client, mask: np.ndarray, query: dict[str, str], reason: str
) -> None:
    answer = put(client, png(mask), **query)
    assert answer.status_code == 422
    assert reason in answer.json()["detail"]


def test_unknown_labels_are_void_when_that_is_said(client: httpx.Client) -> None:
    mask = np.array([[0, 77]], np.uint8)
    answer = put(client, png(mask), labels="cityscapes-trainids", unknown="void")
    assert answer.json()["sha256"] == digest(encode_mask(np.array([[1, 0]], np.uint8)))


def test_a_form_of_masks_is_stored_one_by_one(client: httpx.Client) -> None:
    masks = [("files", ("a.png", png(TRAIN_IDS))), ("files", ("b.png", png(TRAIN_IDS + 19)))]
    answer = client.post("/v1/truths", files=masks, params={"labels": "cityscapes-trainids"})
    good, bad = answer.json()
    assert answer.status_code == 207
    assert good["truth"]["sha256"] == digest(encode_mask(CATEGORIES))
    assert (good["filename"], bad["error"]["code"]) == ("a.png", "invalid_request")
    alone = client.post("/v1/truths", files=masks[1:])
    assert (alone.status_code, alone.json()["code"]) == (422, "invalid_request")
