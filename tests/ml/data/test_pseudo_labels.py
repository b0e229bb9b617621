from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ml.data.annotated import LeftOut, LoadedImage
from ml.data.partial_labels import PartialLabels
from ml.data.pseudo_labels import complete, write_pseudo_labels
from ml.data.samples import annotated_samples, read_pair
from ml.data.teachers import Teacher
from ml.inference.predictor import Predictor
from ml.inference.segmenter import Segmenter
from ml.registry.input_size import InputSize
from roadmask.errors import InvalidRequest
from roadmask.masks.taxonomy import CITYSCAPES
from tests.harness.ml.bright_network import fails_on_white, whiten
from tests.harness.ml.street_folder import write_streets

VOID, FLAT, WALL, POLE, HUMAN = (
    CITYSCAPES.index(name) for name in ("void", "flat", "construction", "object", "human")
)


def probabilities(*rows: dict[int, float]) -> np.ndarray:
    """(7, 1, N) of the real categories."""
    table = np.zeros((7, 1, len(rows)), np.float32)
    for column, row in enumerate(rows):
        for category, value in row.items():
            table[CITYSCAPES.real.index(category), 0, column] = value
    return table


def test_a_person_is_kept_and_the_street_behind_is_the_teachers_where_it_is_sure() -> None:
    truth = np.array([[HUMAN, VOID, VOID, VOID]], np.uint8)
    said = probabilities({FLAT: 1}, {FLAT: 0.9, WALL: 0.1}, {FLAT: 0.5, WALL: 0.5}, {HUMAN: 1})
    labels = complete(truth, said, PartialLabels(teaches=("human",)), CITYSCAPES)
    # A passer-by whom nobody annotated is no street, and no lesson either.
    assert labels.tolist() == [[HUMAN, FLAT, VOID, VOID]]


def test_a_wall_is_kept_but_not_where_a_pole_may_stand() -> None:
    truth = np.full((1, 3), WALL, np.uint8)
    said = probabilities({WALL: 0.9, POLE: 0.1}, {WALL: 0.6, POLE: 0.4}, {POLE: 0.8, WALL: 0.2})
    rules = PartialLabels(teaches=("flat", "construction"), doubt=0.15)
    assert complete(truth, said, rules, CITYSCAPES).tolist() == [[WALL, VOID, POLE]]


def test_what_is_not_taught_is_never_learnt_from_the_annotation() -> None:
    truth = np.full((1, 1), POLE, np.uint8)
    said = probabilities({POLE: 0.5, WALL: 0.5})
    rules = PartialLabels(teaches=("construction",))
    assert complete(truth, said, rules, CITYSCAPES).tolist() == [[VOID]]


class SureOfFlat:
    """Says flat everywhere."""

    answers = np.array(CITYSCAPES.real, np.uint8)
    max_concurrency = 1
    warm_batches = (1,)

    def release_memory(self, rest_s: float) -> None:
        pass

    def logits(self, batch: np.ndarray) -> list[np.ndarray]:
        planes = np.zeros((7, *batch.shape[1:3]), np.float32)
        planes[CITYSCAPES.real.index(FLAT)] = 20
        return [planes] * len(batch)


def test_a_completed_data_set_is_one_to_train_on_and_says_how_it_was_made(tmp_path: Path) -> None:
    data = write_streets(tmp_path / "data", 2)
    teacher = Segmenter(SureOfFlat(), InputSize(budget=96 * 128))  # type: ignore[arg-type]
    rules = PartialLabels(teaches=("human",), teacher="flat@0")
    done = list(write_pseudo_labels([Teacher(teacher)], data, tmp_path / "out", rules, CITYSCAPES))
    assert [each.name for each in done] == ["000", "001"]
    record = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert record["teaches"] == ["human"]
    assert record["teacher"] == "flat@0"
    for before, after in zip(
        annotated_samples(data), annotated_samples(tmp_path / "out"), strict=True
    ):
        image, truth = read_pair(before)
        again, labels = read_pair(after)
        np.testing.assert_array_equal(image, again)
        np.testing.assert_array_equal(labels, np.where(truth == HUMAN, HUMAN, FLAT))


def test_images_of_like_names_keep_their_own_labels(tmp_path: Path) -> None:
    data = write_streets(tmp_path / "data", 3)
    for old, new, mask in (
        ("000", "a/b.png", "a/b.png.png"),
        ("001", "a_b.png", "a_b.png"),
        ("002", "a/b.webp", "a/b.webp.png"),
    ):
        for part, name in (("images", new), ("masks", mask)):
            (data / part / name).parent.mkdir(exist_ok=True)
            (data / part / f"{old}.png").rename(data / part / name)
    teacher = Segmenter(SureOfFlat(), InputSize(budget=96 * 128))  # type: ignore[arg-type]
    rules = PartialLabels(teaches=("human",))
    done = list(write_pseudo_labels([Teacher(teacher)], data, tmp_path / "out", rules, CITYSCAPES))
    names = [each.name for each in done]
    assert names == ["a/b.png", "a/b.webp", "a_b"]
    completed = annotated_samples(tmp_path / "out")
    assert [sample.name for sample in completed] == names
    for before, after in zip(annotated_samples(data), completed, strict=True):
        np.testing.assert_array_equal(read_pair(before)[0], read_pair(after)[0])


def test_an_image_that_cannot_be_read_is_left_out_alone(tmp_path: Path) -> None:
    data = write_streets(tmp_path / "data", 3)
    (data / "images/001.png").write_bytes(b"no image")
    teacher = Segmenter(SureOfFlat(), InputSize(budget=96 * 128))  # type: ignore[arg-type]
    rules = PartialLabels(teaches=("human",))
    done = list(write_pseudo_labels([Teacher(teacher)], data, tmp_path / "out", rules, CITYSCAPES))
    assert [type(each) for each in done] == [LoadedImage, LeftOut, LoadedImage]
    assert [sample.name for sample in annotated_samples(tmp_path / "out")] == ["000", "002"]


def test_an_image_on_which_the_teacher_fails_is_left_out_alone(tmp_path: Path) -> None:
    data = write_streets(tmp_path / "data", 3)
    teacher = Predictor(fails_on_white(data, tmp_path / "run"))
    whiten(data / "images/001.png")
    rules = PartialLabels(teaches=("human",))
    done = list(write_pseudo_labels([Teacher(teacher)], data, tmp_path / "out", rules, CITYSCAPES))
    assert [type(each) for each in done] == [LoadedImage, LeftOut, LoadedImage]
    assert isinstance(done[1], LeftOut)
    assert "not finite" in done[1].detail
    assert [sample.name for sample in annotated_samples(tmp_path / "out")] == ["000", "002"]


@pytest.mark.parametrize("out", ["data", "data/out", "."])
def test_labels_are_not_written_over_the_annotation(tmp_path: Path, out: str) -> None:
    data = write_streets(tmp_path / "data", 1)
    teacher = Segmenter(SureOfFlat(), InputSize(budget=96 * 128))  # type: ignore[arg-type]
    rules = PartialLabels(teaches=("human",))
    with pytest.raises(InvalidRequest, match="would mix"):
        list(write_pseudo_labels([Teacher(teacher)], data, tmp_path / out, rules, CITYSCAPES))
    assert len(list(data.rglob("*.*"))) == 2
