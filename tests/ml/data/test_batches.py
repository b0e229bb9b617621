from __future__ import annotations

import multiprocessing
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.data.batches import Batches
from ml.data.sample_views import WHOLE, count_views, epoch_views
from ml.data.samples import annotated_samples, read_pair
from ml.data.source_terms import notices
from ml.recipes.registry import UNET_MINI
from roadmask.errors import InvalidRequest
from roadmask.images.decoding import encode_png
from roadmask.images.labels.label_map import LabelMap
from roadmask.masks.codec import encode_mask
from tests.harness.ml.street_folder import draw_street, write_streets
from tests.harness.waiting import wait_until

RECIPE = replace(UNET_MINI, crop=(32, 48), batch=4, seed=7)


def stacked(batches: Batches, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    images, truths = zip(*batches.epoch(epoch), strict=True)
    return np.concatenate(images), np.concatenate(truths)


def test_an_epoch_is_the_same_for_the_same_seed_alone(streets: Path) -> None:
    samples = annotated_samples(streets)
    first, again = (stacked(Batches(samples, RECIPE), 3) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    others = (
        stacked(Batches(samples, RECIPE), 4),
        stacked(Batches(samples, replace(RECIPE, seed=8)), 3),
    )
    assert all(not np.array_equal(first[0], other[0]) for other in others)


def test_shapes_and_types(streets: Path) -> None:
    for images, truths in Batches(annotated_samples(streets), RECIPE).epoch(1):
        assert images.shape == (4, 32, 48, 3)
        assert truths.shape == (4, 32, 48)
        assert images.dtype == truths.dtype == np.uint8


def write_numbered(folder: Path, numbers: range) -> Path:
    """Images whose truth is one category, so that a view tells where it came from."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in numbers:
        flat = np.full((40, 60), number, np.uint8)
        (folder / "masks" / f"{number}.png").write_bytes(encode_mask(flat))
        image = np.zeros((40, 60, 3), np.uint8)
        (folder / "images" / f"{number}.png").write_bytes(encode_png(image))
    return folder


def test_an_epoch_has_every_image_of_all_data_sets_once(tmp_path: Path) -> None:
    folders = [
        write_numbered(tmp_path / "a", range(1, 4)),
        write_numbered(tmp_path / "b", range(4, 7)),
    ]
    samples = [sample for folder in folders for sample in annotated_samples(folder)]
    _, truths = stacked(Batches(samples, replace(RECIPE, batch=3)), 1)
    assert sorted(truth.max() for truth in truths) == [1, 2, 3, 4, 5, 6]


def test_fewer_images_than_a_batch_are_gone_through_again(streets: Path) -> None:
    batches = Batches(annotated_samples(streets), replace(RECIPE, batch=16))
    assert len(batches) == 1
    assert len(stacked(batches, 1)[0]) == 16


def test_an_epoch_goes_on_from_any_step(streets: Path) -> None:
    recipe = replace(RECIPE, batch=1)
    whole = list(Batches(annotated_samples(streets), recipe).epoch(2))
    rest = list(Batches(annotated_samples(streets), recipe).epoch(2, start=4))
    assert len(whole) == len(rest) + 4 == 6
    for (image, truth), (same_image, same_truth) in zip(whole[4:], rest, strict=True):
        np.testing.assert_array_equal(image, same_image)
        np.testing.assert_array_equal(truth, same_truth)


def test_processes_give_what_a_thread_gives(streets: Path) -> None:
    """And they end with their batches."""
    samples = annotated_samples(streets)
    others = set(multiprocessing.active_children())
    one, two = (Batches(samples, replace(RECIPE, batch=2), workers) for workers in (1, 2))
    for ours, theirs in zip(stacked(one, 1), stacked(two, 1), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert len(set(multiprocessing.active_children()) - others) == 2
    del two
    wait_until(lambda: not set(multiprocessing.active_children()) - others)


def test_no_thread_outlives_its_batches(streets: Path) -> None:
    batches = Batches(annotated_samples(streets), replace(RECIPE, batch=1), workers=1)
    next(batches.epoch(1))
    assert [t for t in threading.enumerate() if t.name.startswith("batches")]
    del batches
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("batches")])


def test_only_a_few_pairs_are_in_memory(tmp_path: Path) -> None:
    """60 samples, of which no more are read than the batches taken and those in preparation."""
    folder = write_numbered(tmp_path / "data", range(1, 2))
    read: list[Path] = []

    class Watched(LabelMap):
        def read(self, path: Path) -> np.ndarray:
            read.append(path)
            return np.ones((40, 60), np.uint8)

    (sample,) = annotated_samples(folder)
    watched = replace(sample, labels=Watched("watched"))
    batches = Batches([watched] * 60, replace(RECIPE, batch=2), workers=1)
    for taken, _ in enumerate(batches.epoch(1), 1):
        assert len(read) <= (taken + 2) * 2
    assert len(read) == 60


def test_the_share_of_generated_images_is_exact() -> None:
    recipe = replace(RECIPE, augmentations=("mirror", "fog"), augment_share=0.1)
    total = count_views(recipe, 40)
    assert total == 44
    first, later = (list(epoch_views(recipe, 40, epoch, total)) for epoch in (1, 7))
    assert sorted(view.sample for view in first if view.through == WHOLE) == list(range(40))
    added = [view for view in first if view.through != WHOLE]
    assert sorted(view.through for view in added) == ["fog", "fog", "mirror", "mirror"]
    assert len({view.sample for view in added}) == 4
    assert first != later
    assert sorted(first) == sorted(later)


def test_generated_images_are_added_to_whole_ones(streets: Path) -> None:
    recipe = replace(RECIPE, batch=1, augmentations=("mirror",), augment_share=0.5)
    batches = Batches(annotated_samples(streets), recipe)
    assert len(batches) == 9
    images, _ = stacked(batches, 1)
    mirrored = {image[:, ::-1].tobytes() for image in images}
    assert sum(image.tobytes() in mirrored for image in images) == 6


def test_without_augmentations_whole_images_are_only_resized(streets: Path) -> None:
    batches = Batches(annotated_samples(streets), replace(RECIPE, augmentations=()))
    ordered = [{image.tobytes() for image in stacked(batches, epoch)[0]} for epoch in (1, 2, 3, 4)]
    assert len(set.union(*ordered)) == 6


@pytest.mark.parametrize(
    ("names", "share", "message"),
    [
        (("hail",), 0.0, "'hail'; choose from crop"),
        ((), 0.1, "name what"),
        (("fog",), 3.0, "0 to 1"),
    ],
)
def test_a_recipe_refuses_what_cannot_be_done(
    names: tuple[str, ...], share: float, message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        replace(RECIPE, augmentations=names, augment_share=share)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("batch", 0),
        ("epochs", 0),
        ("patience", 0),
        ("budget", 0),
        ("seed", -1),
        ("crop", (30, 48)),
        ("crop", (0, 0)),
        ("zoom", (2.0, 1.0)),
        ("zoom", (0.0, 1.0)),
        ("category_weights", (1.0, -1.0)),
    ],
)
def test_a_recipe_refuses_numbers_that_train_nothing(key: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"^{key} is"):
        replace(RECIPE, **{key: value})


def test_a_mask_of_another_size_is_named(tmp_path: Path) -> None:
    folder = write_streets(tmp_path / "data", 1)
    (folder / "masks" / "000.png").write_bytes(encode_mask(draw_street(0, 20, 30)[1]))
    with pytest.raises(InvalidRequest, match=r"128x96 pixels.*30x20"):
        read_pair(annotated_samples(folder)[0])


def test_a_folder_without_masks_says_so(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(encode_png(draw_street(0)[0]))
    with pytest.raises(InvalidRequest, match="no annotated masks"):
        annotated_samples(tmp_path)


def test_terms_follow_the_data(tmp_path: Path) -> None:
    camvid, unknown = notices([tmp_path / "camvid8" / "train", tmp_path / "mine"])
    assert "non-commercial" in camvid
    assert "Brostow" in camvid
    assert "mine" in unknown


def test_terms_follow_the_weights_by_their_name_and_their_file(tmp_path: Path) -> None:
    vgg16, edges = notices([], f"vgg16_hed {tmp_path / 'a.weights.h5'}")
    assert "CC BY 4.0" in vgg16
    assert "MIT" in edges
    (lite,) = notices([], "efficientnet_lite0_imagenet")
    assert "Apache-2.0" in lite
    (unknown,) = notices([], "mine path/to/mine.npz")
    assert "check its terms" in unknown
