from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.data.augmentation import Augmentation
from ml.data.batches import Batches
from ml.data.partial_labels import PartialLabels
from ml.data.pseudo_labels import write_pseudo_labels
from ml.data.samples import annotated_samples, read_pair
from ml.data.soft_labels import with_soft_labels, write_soft_labels
from ml.data.teachers import Teacher
from ml.inference.segmenter import Segmenter
from ml.recipes.registry import UNET_MINI
from ml.registry.input_size import InputSize
from roadmask.errors import InvalidRequest
from roadmask.masks.taxonomy import CITYSCAPES
from tests.harness.ml.street_folder import write_streets

FLAT, SKY, HUMAN = (CITYSCAPES.index(name) for name in ("flat", "sky", "human"))
RECIPE = replace(UNET_MINI, crop=(64, 96), budget=64 * 128, batch=2, distillation=0.5)


class SureOf:
    """Says one category everywhere."""

    answers = np.array(CITYSCAPES.real, np.uint8)
    max_concurrency = 1
    warm_batches = (1,)

    def __init__(self, category: int) -> None:
        self._plane = CITYSCAPES.real.index(category)

    def release_memory(self, rest_s: float) -> None:
        pass

    def logits(self, batch: np.ndarray) -> list[np.ndarray]:
        planes = np.zeros((7, *batch.shape[1:3]), np.float32)
        planes[self._plane] = 40
        return [planes] * len(batch)


def teacher(category: int, weight: float) -> Teacher:
    engine = SureOf(category)
    return Teacher(Segmenter(engine, InputSize(budget=96 * 128)), weight)  # type: ignore[arg-type]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Two streets with the soft labels of two teachers that disagree, and one in a folder."""
    data = write_streets(tmp_path / "data", 3)
    for part in ("images", "masks"):
        (data / part / "far").mkdir()
        (data / part / "002.png").rename(data / part / "far/002.png")
    teachers = [teacher(FLAT, 3), teacher(SKY, 1)]
    rules = PartialLabels(teaches=("human",))
    out = tmp_path / "out"
    list(write_pseudo_labels(teachers, data, out, rules, CITYSCAPES, soft=True))
    return out


def test_soft_labels_are_the_weighted_mean_of_the_teachers(labelled: Path) -> None:
    samples = annotated_samples(labelled)
    assert [sample.name for sample in samples] == ["000", "001", "far/002"]
    for sample in samples:
        _, truth = read_pair(sample)
        target = with_soft_labels(sample, truth)
        np.testing.assert_array_equal(target[..., 0], truth)
        # The probability of the more weighty teacher is enough to be sure.
        assert set(np.unique(truth)) <= {FLAT, HUMAN}
        expected = np.zeros(len(CITYSCAPES), np.uint8)
        expected[[FLAT, SKY]] = 191, 64
        assert (target[..., 1:] == expected).all()


def test_without_soft_labels_the_truth_is_certain(tmp_path: Path) -> None:
    sample = annotated_samples(write_streets(tmp_path, 1))[0]
    truth = np.array([[CITYSCAPES.void, FLAT, HUMAN]], np.uint8)
    planes = with_soft_labels(sample, truth)[..., 1:]
    assert planes.sum(axis=2).tolist() == [[0, 255, 255]]
    assert planes[0, 1, FLAT] == planes[0, 2, HUMAN] == 255


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_a_damaged_file_is_named(labelled: Path, content: bytes) -> None:
    sample = annotated_samples(labelled)[0]
    (labelled / "soft/000.png.npz").write_bytes(content)
    with pytest.raises(InvalidRequest, match=r"000\.png\.npz does not hold soft labels"):
        with_soft_labels(sample, read_pair(sample)[1])


def test_soft_labels_of_another_size_are_named(labelled: Path) -> None:
    sample = annotated_samples(labelled)[0]
    write_soft_labels(labelled / "soft/000.png.npz", np.full((7, 4, 4), 1 / 7, np.float32))
    with pytest.raises(InvalidRequest, match=r"shape \(4, 4, 7\)"):
        with_soft_labels(sample, read_pair(sample)[1])


def test_an_image_with_damaged_soft_labels_is_left_out_of_the_training(
    labelled: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (labelled / "soft/001.png.npz").write_bytes(b"")
    (batch,) = Batches(annotated_samples(labelled), replace(RECIPE, batch=3)).epoch(1)
    assert "001.png.npz" in caplog.text
    assert batch[1].shape == (3, 64, 96, 1 + len(CITYSCAPES))


def test_views_keep_truth_and_soft_labels_together(tmp_path: Path) -> None:
    sample = annotated_samples(write_streets(tmp_path, 1))[0]
    image, truth = read_pair(sample)
    augmentation = Augmentation(RECIPE)
    for seed in range(40):
        _, hard = augmentation(image, truth, seed)
        _, target = augmentation(image, with_soft_labels(sample, truth), seed)
        np.testing.assert_array_equal(target[..., 0], hard)
        known = hard != CITYSCAPES.void
        np.testing.assert_array_equal(target[..., 1:].argmax(axis=2)[known], hard[known])
        assert not target[..., 1:][~known].any()


def test_a_recipe_without_distillation_reads_no_soft_labels(labelled: Path) -> None:
    (batch,) = Batches(annotated_samples(labelled), replace(RECIPE, distillation=0)).epoch(1)
    assert batch[1].shape == (2, 64, 96)
