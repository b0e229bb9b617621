from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ml.recipes.registry import UNET_MINI
from ml.registry.artifact import Artifact
from ml.registry.input_size import InputSize
from ml.registry.quality import QualityMode
from ml.training import recalibration
from ml.training.calibration import calibrate
from ml.training.recalibration import recalibrate
from roadmask.errors import InvalidRequest
from roadmask.masks.codec import decode_mask, encode_mask

BUDGET = 64 * 96


@pytest.fixture
def with_modes(artifact: Artifact) -> Artifact:
    """The artifact with a `best` of its own input size."""
    best = QualityMode(input_size=artifact.card.input_size, mirror=True)
    card = artifact.card.model_copy(update={"qualities": {"best": best}})
    return Artifact(artifact.path, card)


def test_another_input_size_is_another_version(
    with_modes: Artifact, streets: Path, tmp_path: Path
) -> None:
    made = recalibrate(with_modes, tmp_path / "new", [streets], budget=BUDGET, fast=2048)
    loaded = Artifact.load(tmp_path / "new")
    assert loaded.card == made.card
    assert made.card.name == with_modes.card.name
    assert made.card.version != with_modes.card.version
    size = InputSize(budget=BUDGET)
    assert made.card.input_size == size
    assert made.card.qualities["best"] == QualityMode(input_size=size, mirror=True)
    assert made.card.qualities["fast"].input_size.budget == 2048
    assert [each.scores.images for each in made.card.metrics] == [6]
    assert made.card.robustness is None


def test_temperatures_are_multiplied_and_the_last_one_has_no_more_to_do(
    with_modes: Artifact, streets: Path, tmp_path: Path
) -> None:
    before = with_modes.card.calibration
    assert before
    once = recalibrate(with_modes, tmp_path / "once", [streets], budget=BUDGET)
    twice = recalibrate(once, tmp_path / "twice", [streets])
    assert once.card.calibration
    assert twice.card.calibration
    assert once.card.calibration.weight_share == before.weight_share
    temperature = once.card.calibration.temperature
    # The candidates are 3 % apart.
    assert twice.card.calibration.temperature == pytest.approx(temperature, rel=0.031)
    assert twice.card.input_size.budget == BUDGET


def test_the_weights_of_the_loss_leave_a_model_once(
    with_modes: Artifact, streets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights: list[tuple[float, ...]] = []

    def calibrate_and_tell(*arguments: Any) -> Any:
        weights.append(arguments[3])
        return calibrate(*arguments)

    monkeypatch.setattr(recalibration, "calibrate", calibrate_and_tell)
    card = with_modes.card.model_copy(update={"calibration": None})
    once = recalibrate(Artifact(with_modes.path, card), tmp_path / "once", [streets])
    recalibrate(once, tmp_path / "twice", [streets])
    assert weights == [(0.0, *UNET_MINI.category_weights), (0.0, *[1.0] * 7)]


def test_no_two_input_sizes_share_a_version(
    with_modes: Artifact, streets: Path, tmp_path: Path
) -> None:
    """The temperatures of two sizes may be the same."""
    budgets = [(BUDGET, 2048), (BUDGET, 3072), (BUDGET + 1, 2048), (BUDGET, 2048)]
    versions = [
        recalibrate(with_modes, tmp_path / str(n), [streets], budget=budget, fast=fast).card.version
        for n, (budget, fast) in enumerate(budgets)
    ]
    assert len(set(versions)) == 3
    assert versions[0] == versions[3]


def test_the_present_version_is_not_overwritten(with_modes: Artifact, streets: Path) -> None:
    with pytest.raises(InvalidRequest, match="name another folder"):
        recalibrate(with_modes, with_modes.path, [streets], budget=BUDGET)


def test_images_without_an_annotated_pixel_are_refused(
    with_modes: Artifact, streets: Path, tmp_path: Path
) -> None:
    shutil.copytree(streets, tmp_path / "void")
    for mask in (tmp_path / "void" / "masks").iterdir():
        mask.write_bytes(encode_mask(0 * decode_mask(mask.read_bytes())))
    with pytest.raises(InvalidRequest, match="No pixel of these images is annotated"):
        recalibrate(with_modes, tmp_path / "new", [tmp_path / "void"])
    assert not (tmp_path / "new").exists()
