"""Images are found and looked at."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Literal

import httpx
import numpy as np
import pytest
from PIL import Image

from roadmask.masks.codec import encode_mask
from roadmask.settings import Settings
from storage.objects.keys import image_key, truth_key
from storage.objects.local import LocalStore
from tests.harness.api.server import ApiServer
from tests.harness.images.api_images import GOOD, HEIGHT, WIDTH, digest, picture, put, put_many

TRUTH = encode_mask(np.full((HEIGHT, WIDTH), 3, np.uint8))


def put_truth(client: httpx.Client, png: bytes) -> httpx.Response:
    return client.put(f"/v1/truths/sha256-{digest(png)}", content=png)


@pytest.fixture
def dataset(client: httpx.Client) -> list[str]:
    """Three images of a dataset `scenes`; the first has a truth."""
    put_many(client, 3)
    put_truth(client, TRUTH).raise_for_status()
    entries: list[dict[str, str]] = [
        {"name": f"val/{seed:03d}", "sha256": digest(picture(seed))} for seed in range(3)
    ]
    entries[0]["truth_sha256"] = digest(TRUTH)
    answer = client.post("/v1/datasets/scenes/images", json=entries)
    assert answer.status_code == 201
    return [image["id"] for image in answer.json()]


def test_registered_images_are_found_by_every_filter(
    client: httpx.Client, dataset: list[str]
) -> None:
    def ids(**filters: str | int) -> list[str]:
        return [image["id"] for image in client.get("/v1/images", params=filters).json()["images"]]

    assert dataset == ["scenes/val/000", "scenes/val/001", "scenes/val/002"]
    assert ids(dataset="scenes") == dataset
    assert ids(prefix="scenes/val/00") == dataset
    assert ids(q="002") == dataset[2:]
    assert ids(dataset="scenes", truth="true") == dataset[:1]
    assert ids(dataset="scenes", truth="false") == dataset[1:]
    assert ids(dataset="other") == []
    assert ids() == dataset, "and not by their uploads"


def test_pages_follow_each_other_without_gap(client: httpx.Client, dataset: list[str]) -> None:
    first = client.get("/v1/images", params={"prefix": "scenes/", "limit": 2}).json()
    second = client.get(
        "/v1/images", params={"prefix": "scenes/", "limit": 2, "cursor": first["next"]}
    ).json()
    assert [image["id"] for page in (first, second) for image in page["images"]] == dataset
    assert second["next"] is None
    last = client.get("/v1/images", params={"prefix": "scenes/", "offset": 2}).json()
    assert ([image["id"] for image in last["images"]], last["total"]) == (dataset[2:], 3)


def test_datasets_are_listed_with_their_sizes(client: httpx.Client, dataset: list[str]) -> None:
    [found] = client.get("/v1/datasets").json()
    assert found == {"name": "scenes", "images": 3, "with_truth": 1, "latest_job": None}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "truth=maybe", "cursor=_w", "offset=-1"]
)
def test_a_malformed_query_is_said_to_be(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/v1/images?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_bytes_and_truth_are_behind_signed_redirects(
    client: httpx.Client, dataset: list[str]
) -> None:
    content = client.get(f"/v1/images/{dataset[0]}/content")
    assert content.status_code == 307
    # Without a host, so that it leads back by whatever name the client came.
    assert content.headers["Location"].startswith("/v1/objects/")
    assert httpx.get(content.url.join(content.headers["Location"])).content == picture(0)
    truth = client.get(f"/v1/images/{dataset[0]}/truth", follow_redirects=True)
    assert (truth.content, truth.headers["Content-Type"]) == (TRUTH, "image/png")
    none = client.get(f"/v1/images/{dataset[1]}/truth")
    assert (none.status_code, none.json()["code"]) == (404, "truth_not_found")


def test_the_links_of_an_image_lead_to_what_they_say(
    client: httpx.Client, dataset: list[str]
) -> None:
    image = client.get(f"/v1/images/{dataset[0]}").json()
    assert client.get(image["content_url"]).content == picture(0)
    assert client.get(image["truth_url"]).content == TRUTH
    assert client.get(image["thumbnail_url"], follow_redirects=True).is_success


def test_a_thumbnail_is_small_upright_and_made_once(
    client: httpx.Client, store: LocalStore
) -> None:
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (600, 300), "green").save(buffer, "JPEG", exif=exif)
    image_id = put(client, buffer.getvalue())
    first = client.get(f"/v1/images/{image_id}/thumbnail", follow_redirects=True)
    with Image.open(io.BytesIO(first.content)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (128, 256))
    store.delete(image_key(image_id.removeprefix("sha256-")))
    second = client.get(f"/v1/images/{image_id}/thumbnail", follow_redirects=True)
    assert second.content == first.content


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD.keys())
def test_every_format_has_a_thumbnail(client: httpx.Client, make: Callable[[], bytes]) -> None:
    image_id = put(client, make())
    answer = client.get(f"/v1/images/{image_id}/thumbnail", follow_redirects=True)
    assert answer.headers["Content-Type"] == "image/jpeg"


def test_no_thumbnail_without_a_picture(client: httpx.Client, store: LocalStore) -> None:
    # Its header is whole, so it is stored.
    truncated = picture(quality=95)[:-40]
    answer = client.get(f"/v1/images/{put(client, truncated)}/thumbnail")
    assert (answer.status_code, answer.json()["code"]) == (422, "image_unreadable")
    image_id = put(client, picture(5))
    store.delete(image_key(digest(picture(5))))
    answer = client.get(f"/v1/images/{image_id}/thumbnail")
    assert (answer.status_code, answer.json()["code"]) == (422, "image_missing")


@pytest.mark.parametrize("below", ["", "/content", "/truth", "/thumbnail"])
def test_an_unknown_image_is_not_found(client: httpx.Client, below: str) -> None:
    answer = client.get(f"/v1/images/scenes/nothing{below}")
    assert (answer.status_code, answer.json()["code"]) == (404, "image_not_found")


ODD = ("..", "a/../b", "%2e%2e/%2e%2e/etc/passwd", "a//b", "a/b%00", "a b", "a%5Cb", ".a", "a/")


@pytest.mark.parametrize("below", ["", "/content", "/thumbnail"])
def test_odd_ids_lead_nowhere(client: httpx.Client, below: str) -> None:
    for image_id in (*ODD, "%C3%A9", "a" * 600):
        path = f"/v1/images/{image_id}{below}".encode()
        answer = client.get(client.base_url.copy_with(raw_path=path))
        assert (answer.status_code, answer.json()["code"]) in [
            (422, "invalid_id"),
            (404, "image_not_found"),
            (404, "not_found"),
        ]


def test_a_truth_is_stored_once(client: httpx.Client) -> None:
    assert client.post("/v1/truths/missing", json={"sha256": [digest(TRUTH)]}).json() == {
        "sha256": [digest(TRUTH)]
    }
    first, second = put_truth(client, TRUTH), put_truth(client, TRUTH)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == {"sha256": digest(TRUTH), "bytes": len(TRUTH)}
    answer = client.post("/v1/truths/missing", json={"sha256": [digest(TRUTH)]})
    assert answer.json() == {"sha256": []}


def _png(mode: str, value: int | tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (WIDTH, HEIGHT), value).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (_png("RGB", (1, 2, 3)), "mode RGB"),
        (_png("L", 8), "index 8"),
        (picture(), "PNG"),
        (TRUTH[:-30], "cut off"),
    ],
    ids=["colours", "index", "jpeg", "cut"],
)
def test_what_is_no_mask_is_no_truth(client: httpx.Client, data: bytes, told: str) -> None:
    answer = put_truth(client, data)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert told in answer.json()["detail"]


def test_a_truth_is_what_was_announced(client: httpx.Client) -> None:
    answer = client.put(f"/v1/truths/sha256-{'0' * 64}", content=TRUTH)
    assert (answer.status_code, answer.json()["code"]) == (409, "hash_mismatch")


@pytest.mark.parametrize(
    ("name", "entry", "code"),
    [
        ("scenes", {"name": "a", "sha256": "0" * 64}, "image_not_found"),
        ("scenes", {"name": "a/content", "sha256": digest(picture())}, "invalid_id"),
        ("scenes", {"name": "../a", "sha256": digest(picture())}, "invalid_request"),
        ("scenes", {"name": "a", "sha256": "short"}, "invalid_request"),
        ("%1b", {"name": "a", "sha256": digest(picture())}, "invalid_request"),
        ("sha256-a", {"name": "a", "sha256": digest(picture())}, "invalid_id"),
        (
            "scenes",
            {"name": "a", "sha256": digest(picture()), "truth_sha256": "0" * 64},
            "truth_not_found",
        ),
    ],
)
def test_only_what_is_there_can_be_registered(
    client: httpx.Client, name: str, entry: dict[str, str], code: str
) -> None:
    put(client, picture())
    answer = client.post(f"/v1/datasets/{name}/images", json=[entry])
    assert answer.json()["code"] == code
    assert client.get("/v1/datasets").json() == []


@pytest.mark.parametrize("kind", ["images", "truths"])
@pytest.mark.parametrize("damage", ["short", "flipped", "empty", "missing"])
def test_an_upload_replaces_damaged_bytes(
    client: httpx.Client, store: LocalStore, kind: str, damage: str
) -> None:
    data = picture() if kind == "images" else encode_mask(np.ones((6, 8), np.uint8))
    key = {"images": image_key, "truths": truth_key}[kind](digest(data))
    path = f"/v1/{kind}/sha256-{digest(data)}"
    assert client.put(path, content=data).status_code == 201
    flipped = data[:50] + bytes([data[50] ^ 1]) + data[51:]
    if damage == "missing":
        store.delete(key)
    else:
        found = {"short": data[:-1], "flipped": flipped, "empty": b""}[damage]
        store.put(key, found, "application/octet-stream")
    assert client.put(path, content=data).status_code == (201 if damage == "missing" else 200)
    assert store.get(key) == data


@pytest.mark.parametrize("odd", [b"\xff\xfe\x00", b"\0" * 5, b"a/b\r\nX-Evil: 1", b""])
def test_an_upload_replaces_a_damaged_type(
    client: httpx.Client, settings: Settings, odd: bytes
) -> None:
    put(client, picture())
    path, key = f"/v1/images/sha256-{digest(picture())}", image_key(digest(picture()))
    (settings.objects_dir / f"{key}~type").write_bytes(odd)
    content = client.get(f"{path}/content", follow_redirects=True)
    assert (content.status_code, content.content) == (200, picture())
    assert "x-evil" not in content.headers
    assert client.put(path, content=picture()).status_code == 200
    content = client.get(f"{path}/content", follow_redirects=True)
    assert content.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("kind", ["images", "truths"])
def test_a_client_is_asked_again_for_bytes_that_a_worker_found_damaged(
    client: httpx.Client, api: ApiServer, store: LocalStore, kind: Literal["images", "truths"]
) -> None:
    data = picture() if kind == "images" else encode_mask(np.ones((6, 8), np.uint8))
    sha256 = digest(data)
    client.put(f"/v1/{kind}/sha256-{sha256}", content=data)

    def missing() -> list[str]:
        answer = client.post(f"/v1/{kind}/missing", json={"sha256": [sha256]})
        return list(answer.json()["sha256"])

    assert missing() == []
    key = {"images": image_key, "truths": truth_key}[kind](sha256)
    store.put(key, b"damaged", "application/octet-stream")
    api.app.state.components.storage.catalogue.report_damaged(kind, sha256)
    assert missing() == [sha256]
    client.put(f"/v1/{kind}/sha256-{sha256}", content=data)
    assert missing() == []


def test_a_truth_is_corrected_and_the_earlier_one_kept(
    client: httpx.Client, dataset: list[str]
) -> None:
    corrected = encode_mask(np.full((HEIGHT, WIDTH), 5, np.uint8))
    image = client.put(f"/v1/images/{dataset[0]}/truth", content=corrected).json()
    assert image["truth_sha256"] == digest(corrected)
    assert image["earlier_truths"] == [digest(TRUTH)]
    found = client.get(f"/v1/images/{dataset[0]}").json()
    assert (found["truth_sha256"], found["earlier_truths"]) == (digest(corrected), [digest(TRUTH)])
    again = client.put(f"/v1/images/{dataset[0]}/truth", content=corrected).json()
    assert again["earlier_truths"] == [digest(TRUTH)]
    small = encode_mask(np.zeros((2, 2), np.uint8))
    refused = client.put(f"/v1/images/{dataset[0]}/truth", content=small)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert client.put("/v1/images/no/image/truth", content=corrected).status_code == 404


def send(client: httpx.Client, name: str, seed: int = 0) -> str:
    answer = client.post("/v1/images", files=[("files", (name, picture(seed)))])
    image_id: str = answer.json()[0]["image"]["id"]
    assert answer.json()[0]["image"]["filename"] == name
    return image_id


def test_an_upload_keeps_the_name_of_its_file(client: httpx.Client) -> None:
    image_id = send(client, "drive/front ü.jpg")
    assert client.get(f"/v1/images/{image_id}").json()["filename"] == "drive/front ü.jpg"
    [listed] = client.get("/v1/images", params={"q": "FRONT"}).json()["images"]
    assert (listed["id"], listed["filename"]) == (image_id, "drive/front ü.jpg")
    assert client.get("/v1/images", params={"q": "rear"}).json()["images"] == []
    assert send(client, "rear.jpg") == image_id, "the last name counts"
    assert client.get("/v1/images", params={"q": "rear"}).json()["images"] != []
    job = client.post("/v1/jobs", json={"images": [{"id": image_id}]}).json()["id"]
    assert client.get(f"/v1/jobs/{job}/items/0").json()["custom_id"] == "rear.jpg"
