"""Items, and masks in every form."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from api.services import renderings
from roadmask.hashing import sha256_of
from roadmask.masks.codec import decode_mask, encode_mask
from roadmask.masks.taxonomy import CITYSCAPES
from roadmask.schemas.mask_formats import MaskFormat
from storage.masks.facts import MaskFacts, StoredBytes, write_facts
from storage.objects.keys import facts_key, image_key
from storage.objects.local import LocalStore
from tests.harness.api.submission import submit
from tests.harness.images.api_images import digest, picture, put_many
from tests.harness.worker.fake_worker import SIZE, FakeWorker


@pytest.fixture
def job_id(client: httpx.Client, worker: FakeWorker) -> str:
    """A job of three: the first has a mask, the second failed, the third waits."""
    job_id = submit(client, put_many(client, 3), confidence=True)
    worker.succeed(job_id, 0)
    worker.fail(job_id, 1)
    return job_id


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_items_tell_their_state_cause_or_result(client: httpx.Client, job_id: str) -> None:
    done, failed, waiting = client.get(f"/v1/jobs/{job_id}/items").json()["items"]
    assert done["state"] == "succeeded"
    assert done["result"]["shares"]["flat"] == 1
    assert failed["state"] == "failed"
    assert failed["error"]["code"] == "image_unreadable"
    assert waiting["state"] in ("queued", "running")
    assert (waiting["error"], waiting["result"]) == (None, None)
    assert client.get(f"/v1/jobs/{job_id}/items/1").json() == failed


def test_items_are_paged_and_filtered(client: httpx.Client, job_id: str) -> None:
    def indices(query: str) -> tuple[list[int], Any]:
        page = client.get(f"/v1/jobs/{job_id}/items?{query}").json()
        return [item["index"] for item in page["items"]], page["next"]

    assert indices("state=failed") == ([1], None)
    assert indices("state=failed&state=succeeded")[0] == [0, 1]
    first, cursor = indices("limit=2")
    second, end = indices(f"limit=2&cursor={cursor}")
    assert (first + second, end) == ([0, 1, 2], None)


@pytest.mark.parametrize("query", ["state=lost", "limit=0", "limit=5000", "cursor=x"])
def test_malformed_filters_are_said_to_be(client: httpx.Client, job_id: str, query: str) -> None:
    answer = client.get(f"/v1/jobs/{job_id}/items?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("index", "status", "code"),
    [
        ("3", 404, "item_not_found"),
        ("99999999999999999999", 404, "item_not_found"),
        ("-1", 422, "invalid_request"),
        ("x", 422, "invalid_request"),
    ],
)
def test_items_that_are_none(
    client: httpx.Client, job_id: str, index: str, status: int, code: str
) -> None:
    for below in ("", "/mask"):
        answer = client.get(f"/v1/jobs/{job_id}/items/{index}{below}")
        assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_mask_is_the_stored_one_and_may_be_kept_forever(
    client: httpx.Client, job_id: str, store: LocalStore
) -> None:
    item = client.get(f"/v1/jobs/{job_id}/items/0").json()
    answer = client.get(f"/v1/jobs/{job_id}/items/0/mask")
    assert answer.headers["Content-Type"] == "image/png"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.content == store.get(item["result"]["mask_key"])
    assert answer.content == httpx.get(item["result"]["mask_url"]).content
    again = client.get(
        f"/v1/jobs/{job_id}/items/0/mask", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    other = answer.headers["ETag"].replace('"', "x")
    again = client.get(f"/v1/jobs/{job_id}/items/0/mask", headers={"If-None-Match": f'"{other}"'})
    assert again.status_code == 200, "a longer tag is another one"


def test_each_form_has_a_type_and_a_tag_of_its_own(client: httpx.Client, job_id: str) -> None:
    tags = set()
    for form in MaskFormat:
        answer = client.get(f"/v1/jobs/{job_id}/items/0/mask?format={form}")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == form.media_type
        assert answer.content
        tags.add(answer.headers["ETag"])
    assert len(tags) == len(MaskFormat)


@pytest.mark.parametrize(("form", "value"), [("labelids", 7), ("trainids", 0), ("png", 1)])
def test_pictures_of_ids_hold_nothing_but_the_ids(
    client: httpx.Client, job_id: str, form: str, value: int
) -> None:
    answer = client.get(f"/v1/jobs/{job_id}/items/0/mask?format={form}")
    with opened(answer.content) as image:
        assert np.array_equal(np.asarray(image), np.full(SIZE, value))


def test_a_task_for_label_studio_leads_to_the_image(client: httpx.Client, job_id: str) -> None:
    [task] = client.get(f"/v1/jobs/{job_id}/items/0/mask?format=labelstudio").json()
    assert task["predictions"][0]["model_version"] == "fake@1"
    image = httpx.get(task["data"]["image"], follow_redirects=True)
    assert image.content == picture(0)


def test_color_shows_the_palette(client: httpx.Client, job_id: str) -> None:
    answer = client.get(f"/v1/jobs/{job_id}/items/0/mask?format=color")
    with opened(answer.content) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", SIZE[::-1])
        assert image.getpixel((0, 0)) == CITYSCAPES.categories[1].color


def test_overlay_lies_between_image_and_colour(client: httpx.Client, job_id: str) -> None:
    answer = client.get(f"/v1/jobs/{job_id}/items/0/mask?format=overlay")
    with opened(answer.content) as image, opened(picture(0)) as source:
        assert (image.format, image.size) == ("JPEG", SIZE[::-1])
        expected = (np.asarray(source, float) + CITYSCAPES.categories[1].color) / 2
        assert np.abs(np.asarray(image, float) - expected).mean() < 25


def test_rle_is_what_coco_reads(client: httpx.Client, job_id: str) -> None:
    answer = client.get(f"/v1/jobs/{job_id}/items/0/mask?format=rle")
    mask = decode_mask(client.get(f"/v1/jobs/{job_id}/items/0/mask").content)
    [run] = answer.json()
    assert run["category"] == "flat"
    assert np.array_equal(coco.decode(run), mask == 1)


@pytest.mark.parametrize("form", ["png", "coco"])
@pytest.mark.parametrize("index", [1, 2])
def test_no_mask_before_the_end_nor_after_a_failure(
    client: httpx.Client, job_id: str, index: int, form: str
) -> None:
    answer = client.get(f"/v1/jobs/{job_id}/items/{index}/mask?format={form}")
    assert (answer.status_code, answer.json()["code"]) == (404, "mask_not_found")


def test_an_unknown_form_names_those_there_are(client: httpx.Client, job_id: str) -> None:
    answer = client.get(f"/v1/jobs/{job_id}/items/0/mask?format=svg")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    for form in MaskFormat:
        assert form in answer.json()["detail"]


def test_what_was_deleted_is_said_to_be(
    client: httpx.Client, job_id: str, store: LocalStore
) -> None:
    store.delete(image_key(digest(picture(0))))
    answer = client.get(f"/v1/jobs/{job_id}/items/0/mask?format=overlay")
    assert (answer.status_code, answer.json()["code"]) == (422, "image_missing")
    item = client.get(f"/v1/jobs/{job_id}/items/0").json()
    store.delete(item["result"]["mask_key"])
    answer = client.get(f"/v1/jobs/{job_id}/items/0/mask")
    assert (answer.status_code, answer.json()["code"]) == (404, "mask_not_found")


@pytest.mark.parametrize("form", ["coco", "overlay"])
def test_a_damaged_manifest_is_said_to_be(
    client: httpx.Client, job_id: str, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    path = f"/v1/jobs/{job_id}/items/0/mask"
    # A damaged line is read as None. This one was whole when it was read, and is cached.
    monkeypatch.setattr(renderings, "read_range", lambda *_: [None])
    assert client.get(path).is_success
    answer = client.get(path, params={"format": form})
    assert (answer.status_code, answer.json()["code"]) == (422, "manifest_unreadable")


def test_a_mask_has_its_hash_and_a_damaged_one_is_not_served(
    client: httpx.Client, store: LocalStore, job_id: str
) -> None:
    result = client.get(f"/v1/jobs/{job_id}/items/0").json()["result"]
    png = store.get(result["mask_key"])
    assert (result["mask_sha256"], result["mask_bytes"]) == (sha256_of(png), len(png))
    path = f"/v1/jobs/{job_id}/items/0/mask"
    for url in (path, result["mask_url"]):
        assert client.get(url).headers["ETag"] == f'"{sha256_of(png)}"'
    store.put(result["mask_key"], png[:-9] + b"x" + png[-8:], "image/png")
    for form in ("png", "npz", "coco"):
        answer = client.get(path, params={"format": form})
        assert (answer.status_code, answer.json()["code"]) == (404, "mask_damaged")
    store.delete(result["mask_key"])
    assert client.get(path).json()["code"] == "mask_not_found"


def test_a_mask_that_was_made_again_is_served(
    client: httpx.Client, store: LocalStore, job_id: str
) -> None:
    """On another machine it may differ in a few pixels."""
    result = client.get(f"/v1/jobs/{job_id}/items/0").json()["result"]
    png = encode_mask(np.full(SIZE, 2, np.uint8))
    store.put(result["mask_key"], png, "image/png")
    facts = MaskFacts(
        width=SIZE[1],
        height=SIZE[0],
        shares={},
        artifact="fake@1",
        made_at=datetime.now(UTC),
        timings_ms={},
        stored_mask=StoredBytes.of(store, result["mask_key"], png),
    )
    write_facts(store, facts_key(result["mask_key"]), facts)
    for url in (f"/v1/jobs/{job_id}/items/0/mask", result["mask_url"]):
        assert client.get(url).content == png
    store.put(result["mask_key"], b"something else", "image/png")
    assert client.get(result["mask_url"]).json()["code"] == "mask_damaged"


def test_a_mask_has_a_thumbnail(client: httpx.Client, job_id: str) -> None:
    answer = client.get(f"/v1/jobs/{job_id}/items/0/thumbnail")
    assert answer.headers["Content-Type"] == "image/png"
    assert (decode_mask(answer.content) == np.full(SIZE, 1, np.uint8)).all()
    again = client.get(
        f"/v1/jobs/{job_id}/items/0/thumbnail", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert again.status_code == 304
    assert client.get(f"/v1/jobs/{job_id}/items/1/thumbnail").status_code == 404


def test_items_are_listed_in_an_order(client: httpx.Client, job_id: str) -> None:
    page = client.get(f"/v1/jobs/{job_id}/items?sort=-name&limit=2").json()
    assert [item["index"] for item in page["items"]] == [2, 1]
    assert (page["offset"], page["total"]) == (0, 3)
    found = client.get(f"/v1/jobs/{job_id}/items?where=flat >= 100%").json()
    assert [item["index"] for item in found["items"]] == [0]
    assert client.get(f"/v1/jobs/{job_id}/items?sort=iou&at=2").json()["code"] == "item_not_found"
    unclear = client.get(f"/v1/jobs/{job_id}/items?where=flat >").json()
    assert unclear["code"] == "condition_unclear"
    both = client.get(f"/v1/jobs/{job_id}/items?sort=name&cursor=1")
    assert both.status_code == 422
