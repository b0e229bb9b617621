"""A dataset into a folder: what `ingest` reads there is the same dataset."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from roadmask import Client, Pixels, find_samples
from roadmask.errors import DatasetNotFound
from roadmask.folder.dataset.download import Downloaded, download, find_dataset
from roadmask.folder.dataset.ingest import ingest
from roadmask.masks.codec import encode_mask
from roadmask.schemas.images import CatalogueEntry
from tests.harness.client.program import PROGRAM
from tests.harness.images.api_images import HEIGHT, WIDTH, picture

NAMES = {
    "東京.jpg": "東京.png",
    "a.jpg": "a.jpg.png",
    "a.png": "a.png.png",
    "x/1.jpg": "x/1.png",
    "x/2.webp": None,
    "50% #1?.jpg": "50% #1?.png",
    "truth.png": "truth.png",
}
"""Images, each with the name of its mask."""


def write_dataset(folder: Path) -> None:
    for seed, (name, mask_name) in enumerate(NAMES.items()):
        files = {f"images/{name}": picture(seed, "PNG")}
        if mask_name is not None:
            files[f"masks/{mask_name}"] = encode_mask(np.full((HEIGHT, WIDTH), seed, np.uint8))
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)


def ingested(client: Client, folder: Path, dataset: str) -> dict[str, tuple[str, str | None]]:
    """The images of a dataset that a folder became: bytes and truth by name."""
    assert not [each for each in ingest(client, find_samples(folder), dataset) if each.error]
    return {
        image.id.partition("/")[2]: (image.sha256, image.truth_sha256)
        for image in client.images(dataset=dataset)
    }


def downloaded(client: Client, dataset: str, out: Path, **options: bool) -> list[Downloaded]:
    return list(download(client, dataset, out, **options))


def test_the_folder_is_the_same_dataset(client: Client, tmp_path: Path) -> None:
    write_dataset(tmp_path / "before")
    before = ingested(client, tmp_path / "before", "街")
    assert sum(truth is not None for _, truth in before.values()) == len(NAMES) - 1
    found = downloaded(client, "街", tmp_path / "after")
    assert [(each.error, each.fetched) for each in found] == [(None, True)] * len(NAMES)
    assert ingested(client, tmp_path / "after", "again") == before


def test_images_without_a_mask_can_be_left_out(client: Client, tmp_path: Path) -> None:
    write_dataset(tmp_path / "before")
    ingested(client, tmp_path / "before", "d")
    found = downloaded(client, "d", tmp_path / "after", annotated=True)
    assert len(found) == len(NAMES) - 1
    assert not list((tmp_path / "after").rglob("*.webp"))


def test_only_what_is_missing_is_fetched_again(client: Client, tmp_path: Path) -> None:
    write_dataset(tmp_path / "before")
    ingested(client, tmp_path / "before", "d")
    downloaded(client, "d", tmp_path)
    (tmp_path / "images/x/1.jpg").unlink()
    (tmp_path / "masks/東京.png").write_bytes(b"half a m")
    found = downloaded(client, "d", tmp_path)
    assert {each.image.id for each in found if each.fetched} == {"d/x/1", "d/東京"}
    assert (
        encode_mask(np.zeros((HEIGHT, WIDTH), np.uint8))
        == (tmp_path / "masks/東京.png").read_bytes()
    )


def test_an_image_whose_name_is_no_name_of_an_image_gets_a_suffix(
    client: Client, tmp_path: Path
) -> None:
    image = client.upload(picture(1, "PNG"))
    entries = [
        CatalogueEntry(name="front", sha256=image.sha256),
        CatalogueEntry(name="rear", sha256=image.sha256, filename="IMG_1.png"),
    ]
    client.register("d", entries)
    assert not [each.error for each in downloaded(client, "d", tmp_path) if each.error]
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == [
        "front.png",
        "rear.png",
    ]


def test_one_file_that_cannot_be_written_fails_alone(client: Client, tmp_path: Path) -> None:
    image = client.upload(picture(1, "PNG"))
    names = ("good", "n" * 300, "Twin", "twin", "..\\out")
    client.register("d", [CatalogueEntry(name=name, sha256=image.sha256) for name in names])
    failed = {
        each.image.id.partition("/")[2]: each.error
        for each in downloaded(client, "d", tmp_path)
        if each.error
    }
    assert "name too long" in (failed.pop("n" * 300) or "")
    assert "but for case" in (failed.pop("twin") or "")
    assert not failed or os.name == "nt"
    assert (tmp_path / "images/good.png").read_bytes() == picture(1, "PNG")


def test_an_unknown_dataset_is_named_with_those_there_are(client: Client, tmp_path: Path) -> None:
    image = client.upload(picture(1))
    client.register("streets", [CatalogueEntry(name="1", sha256=image.sha256)])
    assert find_dataset(client, "streets").images == 1
    with pytest.raises(DatasetNotFound, match=r"no dataset 'street'\. Its datasets: streets"):
        find_dataset(client, "street")


def test_the_command_counts_and_says_how_to_read_the_images(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = client.upload(picture(1, "PNG"))
    said = Pixels(bits=12, curve="linear").given()
    client.register("deep", [CatalogueEntry(name="1", sha256=image.sha256, pixels=said)])
    monkeypatch.setenv("ROADMASK_URL", client.base_url)
    command = [*PROGRAM, "download", "deep", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"1 images in {tmp_path} (0 with truth, 1 fetched), 0 failed." in done.stdout
    assert "--pixels bits=12,curve=linear" in done.stdout
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "dataset": "deep",
        "images": 1,
        "with_truth": 0,
        "fetched": 0,
        "failed": 0,
        "pixels": ["bits=12,curve=linear"],
    }
