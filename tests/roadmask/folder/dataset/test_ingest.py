"""A folder into a dataset: names survive, and what has no id is refused alone."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from roadmask import Client, Pixels, Reading, find_samples
from roadmask.folder.dataset.ingest import Ingested, ingest
from roadmask.masks.codec import encode_mask
from tests.harness.images.api_images import HEIGHT, WIDTH, picture

DEEP = "/".join(f"{n:02}" for n in range(15))
NAMES = {
    "東京.jpg": "東京",
    "大阪.jpg": "大阪",
    "übel.jpg": "übel",
    "u\u0308bel.jpg": "u\u0308bel",
    "äbel.jpg": "äbel",
    "日本語 街.jpg": "日本語 街",
    "a.jpg": "a.jpg",
    "a.png": "a.png",
    "a.jpg.png": "a.jpg.png",
    "IMG 1 (2).jpg": "IMG 1 (2)",
    "truth.png": "truth.png",
    "x/content.png": "x/content.png",
    "50% #1?.jpg": "50% #1?",
    f"{DEEP}/1.jpg": f"{DEEP}/1",
}


def ingested(client: Client, folder: Path, dataset: str) -> list[Ingested]:
    return list(ingest(client, find_samples(folder), dataset))


def test_every_name_survives(client: Client, tmp_path: Path) -> None:
    for seed, name in enumerate(NAMES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(picture(seed, "PNG"))
    for _ in range(2):  # the same folder again adds nothing
        assert not [image.error for image in ingested(client, tmp_path, "街") if image.error]
        images = {image.filename: image for image in client.images(dataset="街")}
        assert {name: image.id for name, image in images.items()} == {
            name: f"街/{short}" for name, short in NAMES.items()
        }
    for image in images.values():
        assert client.image(image.id).sha256 == image.sha256
    assert len({image.sha256 for image in images.values()}) == len(NAMES)
    items = client.results(client.submit(dataset="街"))
    assert {item.custom_id for item in items} == NAMES.keys()


@pytest.mark.parametrize(
    ("name", "reason"),
    [(b"bad\xff.jpg", "not UTF-8"), (b"two\nlines.jpg", "U+000A"), (b"\x1b[31m.jpg", "U+001B")],
)
def test_a_name_that_is_no_id_is_refused_alone(
    client: Client, tmp_path: Path, name: bytes, reason: str
) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(picture(1))
    (tmp_path / "good.jpg").write_bytes(picture(2))
    failed = [image.error for image in ingested(client, tmp_path, "odd") if image.error]
    assert len(failed) == 1
    assert reason in failed[0].detail
    assert "Rename the file." in failed[0].detail
    assert [image.id for image in client.images(dataset="odd")] == ["odd/good"]


def test_a_mask_comes_with_its_image(client: Client, tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder / "街").mkdir(parents=True)
    (tmp_path / "images/街/1.jpg").write_bytes(picture(1))
    (tmp_path / "masks/街/1.png").write_bytes(encode_mask(np.ones((HEIGHT, WIDTH), np.uint8)))
    assert [image.has_truth for image in ingested(client, tmp_path, "d")] == [True]
    [image] = client.images(dataset="d", truth=True)
    assert (image.id, image.filename) == ("d/街/1", "街/1.jpg")


def test_pixels_are_stored_with_the_dataset(client: Client, tmp_path: Path) -> None:
    said = Pixels(bits=12, curve="linear")
    (tmp_path / "1.jpg").write_bytes(picture(1))
    for pixels in (said, Pixels()):
        samples = find_samples(tmp_path, Reading(pixels=pixels))
        assert not [each.error for each in ingest(client, samples, "deep") if each.error]
        [image] = client.images(dataset="deep")
        assert image.pixels == (pixels if pixels == said else None)
        assert client.submit(dataset="deep").pixels == image.pixels


def test_a_mask_of_another_size_fails_alone(client: Client, tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name, width in (("good", WIDTH), ("bad", WIDTH + 1)):
        (tmp_path / f"images/{name}.jpg").write_bytes(picture(len(name)))
        mask = np.ones((HEIGHT, width), np.uint8)
        (tmp_path / f"masks/{name}.png").write_bytes(encode_mask(mask))
    errors = {each.name: each.error for each in ingested(client, tmp_path, "sizes")}
    assert errors["good"] is None
    assert errors["bad"] is not None
    assert f"{WIDTH + 1}x{HEIGHT} pixels" in errors["bad"].detail
    assert [image.id for image in client.images(dataset="sizes", truth=True)] == ["sizes/good"]


def test_copies_of_a_refused_file_fail_and_the_others_are_registered(
    client: Client, tmp_path: Path
) -> None:
    for name, data in (("a", b""), ("b", b""), ("c", b"no image"), ("d", b"no image")):
        (tmp_path / f"{name}.jpg").write_bytes(data)
    (tmp_path / "good.jpg").write_bytes(picture(1))
    errors = {each.name: each.error for each in ingested(client, tmp_path, "copies")}
    assert [name for name, error in errors.items() if error] == ["a", "b", "c", "d"]
    assert [image.id for image in client.images(dataset="copies")] == ["copies/good"]


def test_a_file_with_a_name_that_is_too_long_is_refused_alone(
    client: Client, tmp_path: Path
) -> None:
    # With the dataset it is an id of 1,024 characters, and the name of the file has more.
    deep = tmp_path / "/".join(["x" * 203] * 5)
    deep.mkdir(parents=True)
    (deep / "y.jpeg").write_bytes(picture(1))
    (tmp_path / "good.jpg").write_bytes(picture(2))
    errors = [each.error for each in ingested(client, tmp_path, "d") if each.error]
    assert len(errors) == 1
    assert "Rename the file." in errors[0].detail
