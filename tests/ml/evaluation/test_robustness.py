from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.cli.conditions import conditions_table
from ml.data.annotated import from_folder
from ml.evaluation.corruptions import CORRUPTIONS
from ml.evaluation.robustness import Robustness
from ml.inference.segmenter import Segmenter
from ml.registry.card import Robustness as RobustnessFacts
from ml.registry.input_size import InputSize
from roadmask.errors import ModelFailed
from roadmask.masks.codec import encode_mask
from roadmask.masks.taxonomy import CITYSCAPES
from tests.harness.ml.bright_network import whiten
from tests.harness.ml.street_folder import write_streets


class ByColour:
    """Right on clean images: the category whose palette colour is nearest to a pixel."""

    answers = np.array(CITYSCAPES.real, np.uint8)
    max_concurrency = 1
    warm_batches = (1,)

    def release_memory(self, rest_s: float) -> None:
        pass

    def logits(self, batch: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
        colours = CITYSCAPES.palette[list(CITYSCAPES.real)].astype(np.float32)
        distances = np.linalg.norm(batch[..., None, :].astype(np.float32) - colours, axis=-1)
        return iter(-distances.transpose(0, 3, 1, 2))


@pytest.fixture
def streets(tmp_path: Path) -> Path:
    return write_streets(tmp_path / "streets", 3)


def test_what_depends_on_colour_fails_without_it_and_not_by_a_crop(streets: Path) -> None:
    segmenter = Segmenter(ByColour(), InputSize(budget=96 * 128))
    robustness = Robustness(segmenter, CITYSCAPES)
    assert list(robustness.run(from_folder(streets).load())) == ["000", "001", "002"]
    found = robustness.summarize()
    table = found["per_condition"]
    assert list(table) == list(CORRUPTIONS)
    assert found["clean"] > 0.9
    assert table["grey"]["severe"] < 0.5
    assert table["portrait"]["mild"] > 0.8
    every = [value for each in table.values() for value in each.values()]
    assert found["mean"] == pytest.approx(sum(every) / 34)


class FailsOnBright(ByColour):
    """As a network whose activations overflow on images that are bright."""

    def logits(self, batch: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
        for image, logits in zip(batch, super().logits(batch), strict=True):
            yield logits * np.float32(np.nan if image.mean() > 200 else 1)


def test_an_image_on_which_the_network_fails_counts_in_no_condition(
    streets: Path, tmp_path: Path
) -> None:
    others = write_streets(tmp_path / "others", 2)
    whiten(streets / "images/002.png")
    segmenter = Segmenter(FailsOnBright(), InputSize(budget=96 * 128))
    summaries = []
    for folder in (others, streets):
        robustness, data = Robustness(segmenter, CITYSCAPES), from_folder(folder)
        assert list(robustness.run(data.load(), data.left_out)) == ["000", "001"]
        summaries.append(robustness.summarize())
    assert [each.name for each in data.left_out] == ["002"]
    assert summaries[0] == summaries[1]
    with pytest.raises(ModelFailed):
        list(Robustness(segmenter, CITYSCAPES).run(from_folder(streets).load()))


def test_images_without_annotated_pixels_have_no_score_and_a_card_that_can_be_read(
    streets: Path,
) -> None:
    for mask in (streets / "masks").iterdir():
        mask.write_bytes(encode_mask(np.zeros((96, 128), np.uint8)))
    robustness = Robustness(Segmenter(ByColour(), InputSize(budget=1024)), CITYSCAPES)
    images = sum(1 for _ in robustness.run(from_folder(streets).load()))
    facts = RobustnessFacts(dataset="void", images=images, **robustness.summarize())
    assert (facts.clean, facts.mean) == (None, None)
    assert RobustnessFacts.model_validate_json(facts.model_dump_json()) == facts
    conditions_table({"": facts.model_dump()})
