"""Folders that grow, and files that are broken."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.data.batches import Batches
from ml.data.data_source import DataSource
from ml.data.sample_list import SampleList
from ml.data.samples import annotated_samples
from ml.recipes.registry import UNET_MINI
from roadmask.errors import InvalidRequest
from roadmask.masks.codec import encode_mask
from roadmask.masks.indexed_png import grey_png
from tests.harness.ml.street_folder import write_streets

RECIPE = replace(UNET_MINI, crop=(32, 48), batch=1, seed=3, augmentations=())


def write_more(folder: Path, count: int, first: int) -> None:
    """As another program would: images and masks appear in the folder."""
    new = write_streets(folder.parent / f"new-{first}", count, first)
    for path in new.glob("*/*"):
        path.rename(folder / path.relative_to(new))


def images_of(batches: Batches, epoch: int, start: int = 0) -> list[bytes]:
    return [images.tobytes() for images, _ in batches.epoch(epoch, start)]


def test_what_arrives_is_used_from_the_next_epoch_on(tmp_path: Path) -> None:
    folder = write_streets(tmp_path / "data", 4)
    batches = Batches(SampleList([DataSource(folder)]), RECIPE)
    running = batches.epoch(1)
    seen = {next(running)[0].tobytes()}
    write_more(folder, 4, first=4)
    seen |= {images.tobytes() for images, _ in running}
    assert len(seen) == 4
    later = [images_of(batches, epoch) for epoch in range(2, 12)]
    assert {len(epoch) for epoch in later} == {4}, "an epoch's length is settled"
    assert len(set().union(*later)) == 8
    assert len(SampleList([DataSource(folder)]).at(1)) == 8


def test_an_interrupted_epoch_of_a_grown_folder_goes_on_as_it_began(tmp_path: Path) -> None:
    folder, record = write_streets(tmp_path / "data", 5), tmp_path / "samples.json"
    whole = images_of(Batches(SampleList([DataSource(folder)], record), RECIPE), 3)
    write_more(folder, 5, first=5)
    resumed = Batches(SampleList([DataSource(folder)], record), RECIPE)
    assert images_of(resumed, 3, start=2) == whole[2:]
    images_of(resumed, 4)
    assert len(json.loads(record.read_text())["names"]) == 10
    assert len(resumed) == 5


@pytest.mark.parametrize("weight", [0.5, 1.0, 2.5])
def test_an_interrupted_epoch_has_the_draw_of_its_beginning(tmp_path: Path, weight: float) -> None:
    folder, record = write_streets(tmp_path / "data", 8), tmp_path / "samples.json"
    begun = SampleList([DataSource(folder, weight)], record).at(3)
    write_more(folder, 1, first=8)
    assert SampleList([DataSource(folder, weight)], record).at(3) == begun
    assert len(begun) == 8 * weight


def test_a_folder_named_twice_counts_twice(tmp_path: Path) -> None:
    often, once = write_streets(tmp_path / "often", 1), write_streets(tmp_path / "once", 1, first=5)
    images = images_of(
        Batches(SampleList([DataSource(often), DataSource(often), DataSource(once)]), RECIPE), 1
    )
    assert sorted(images.count(image) for image in set(images)) == [1, 2]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_broken_samples_are_told_once_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_streets(tmp_path / "data", 8)
    truncate(folder / "images" / "001.png")
    truncate(folder / "masks" / "002.png")
    (folder / "masks" / "003.png").write_bytes((folder / "images" / "004.png").read_bytes()[:9])
    samples = annotated_samples(folder)
    (folder / "images" / "005.png").unlink()
    runs = [Batches(samples, replace(RECIPE, batch=4), workers) for workers in (1, 1, 2)]
    with caplog.at_level(logging.WARNING):
        first = images_of(runs[0], 1) + images_of(runs[0], 2)
    for name in ("images/001.png", "masks/002.png", "masks/003.png", "images/005.png"):
        assert sum(name in message for message in caplog.messages) == 1
    assert len(caplog.messages) == 4
    for again in runs[1:]:
        assert images_of(again, 1) + images_of(again, 2) == first


def test_a_file_that_is_whole_again_is_used_again(tmp_path: Path) -> None:
    folder = write_streets(tmp_path / "data", 3)
    half = folder / "images" / "001.png"
    content = half.read_bytes()
    truncate(half)
    batches = Batches(annotated_samples(folder), RECIPE)
    assert len(set(images_of(batches, 1))) == 2
    half.write_bytes(content)
    assert len(set(images_of(batches, 2))) == 3


def test_a_data_set_that_is_broken_as_a_whole_is_an_error(tmp_path: Path) -> None:
    good, bad = write_streets(tmp_path / "good", 2), write_streets(tmp_path / "bad", 3)
    samples = annotated_samples(bad)
    for path in (bad / "masks").iterdir():
        truncate(path)
    with pytest.raises(InvalidRequest, match=r"None of 3 samples of .*bad.*masks/000\.png"):
        SampleList([DataSource(good), DataSource(bad)])
    with pytest.raises(InvalidRequest, match="100 samples in a row"):
        next(Batches(samples, RECIPE).epoch(1))


def test_a_listing_is_the_folders_in_their_order(tmp_path: Path) -> None:
    folders = [write_streets(tmp_path / name, 2, first) for name, first in (("b", 0), ("a", 2))]
    listed = SampleList([DataSource(folder) for folder in folders]).at(1)
    assert listed == [sample for folder in folders for sample in annotated_samples(folder)]
    assert np.unique([sample.image for sample in listed]).size == 4


def test_a_weight_is_the_share_of_an_epoch_and_the_fraction_is_drawn_anew(tmp_path: Path) -> None:
    folder = write_streets(tmp_path / "data", 8)
    listed = SampleList([DataSource(folder, 1.5)], tmp_path / "samples.json")
    assert len(listed) == 12
    epochs = [[sample.name for sample in listed.at(epoch)] for epoch in (1, 2, 3)]
    assert all(len(epoch) == 12 and len(set(epoch)) == 8 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1
    again = SampleList([DataSource(folder, 1.5)], tmp_path / "samples.json")
    assert [sample.name for sample in again.at(3)] == epochs[2]
    assert len(SampleList([DataSource(folder, 0.25)]).at(1)) == 2


def test_a_new_mask_of_unknown_labels_does_not_end_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_streets(tmp_path / "data", 3)
    listed = SampleList([DataSource(folder)])
    before = listed.at(1)
    write_more(folder, 1, first=3)
    (folder / "masks/003.png").write_bytes(grey_png(np.full((96, 128), 200, np.uint8)))
    with caplog.at_level(logging.WARNING):
        assert listed.at(2) == before
    assert "200" in caplog.text
    (folder / "masks/003.png").write_bytes(encode_mask(np.ones((96, 128), np.uint8)))
    assert len(listed.at(3)) == 4
    for path in (folder / "images").iterdir():
        path.unlink()
    with pytest.raises(InvalidRequest):
        listed.at(4)


def test_an_epoch_whose_samples_are_all_gone_has_those_that_are_there(tmp_path: Path) -> None:
    folder, record = write_streets(tmp_path / "data", 2), tmp_path / "samples.json"
    SampleList([DataSource(folder)], record).at(1)
    for path in folder.glob("*/*"):
        path.rename(path.with_stem(f"new-{path.stem}"))
    again = SampleList([DataSource(folder)], record).at(1)
    assert [sample.name for sample in again] == ["new-000", "new-001"]


@pytest.mark.parametrize("content", ["", "[]", '{"length": 2}'])
def test_a_damaged_record_is_named(tmp_path: Path, content: str) -> None:
    record = tmp_path / "samples.json"
    record.write_text(content)
    with pytest.raises(InvalidRequest, match=r"samples\.json is damaged"):
        SampleList([DataSource(write_streets(tmp_path / "data", 2))], record)
