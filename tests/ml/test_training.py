from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.artifact import Artifact
from ml.recipes.registry import LITE_UNET, UNET_MINI, find_recipe
from ml.run import Moment, Run
from ml.training import train
from roadmask.errors import InvalidRequest
from tests.ml.test_efficientnet_lite import stored_arrays

RECIPE = UNET_MINI.smoke()


class Interrupted(Exception):
    """Stands for a crash in the middle of an epoch."""


def interrupt(moment: Moment) -> None:
    if moment.epoch == 2:
        raise Interrupted


@pytest.fixture(scope="module")
def uninterrupted(streets: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return train(Run(RECIPE, [streets], [streets], folder, "smoke"))


def test_the_artifact_knows_where_it_comes_from(uninterrupted: Artifact, streets: Path) -> None:
    card = uninterrupted.card
    dataset = f"{streets.parent.name}/streets"
    assert card.name == "smoke"
    assert card.network == "unet_mini"
    assert card.provenance.recipe["epochs"] == RECIPE.epochs
    assert card.provenance.data == {dataset: 6}
    assert card.metrics[0].dataset == dataset
    assert card.metrics[0].scores.images == 6


def test_a_resumed_run_ends_as_an_uninterrupted_one(
    uninterrupted: Artifact, streets: Path, tmp_path: Path
) -> None:
    run = Run(RECIPE, [streets], [streets], tmp_path / "run", "smoke")
    with pytest.raises(Interrupted):
        train(run, interrupt)
    resumed = train(run)
    theirs, ours = uninterrupted.load_model(), resumed.load_model()
    for expected, weight in zip(theirs.weights, ours.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(expected), np.asarray(weight))
    with pytest.raises(InvalidRequest, match="seed: 1 there, 2 here"):
        train(replace(run, recipe=replace(RECIPE, seed=2)))


def test_a_run_without_progress_ends_by_its_patience(streets: Path, tmp_path: Path) -> None:
    epochs = []

    def note(moment: Moment) -> None:
        if moment.values:
            epochs.append(moment.epoch)

    recipe = replace(RECIPE, epochs=50, patience=1, learning_rate=0.0)
    train(Run(recipe, [streets], [streets], tmp_path / "run", "still"), note)
    assert len(epochs) < 10


def test_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="unet_mini"):
        find_recipe("unet_maxi")


def test_an_encoder_starts_from_the_file_that_is_given(streets: Path, tmp_path: Path) -> None:
    file = tmp_path / "encoder.npz"
    np.savez(file, **stored_arrays())
    recipe = replace(LITE_UNET.smoke(), epochs=1)
    card = train(Run(recipe, [streets], [], tmp_path / "run", "lite", file)).card
    assert card.provenance.encoder_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert any("EfficientNet-lite weights" in notice for notice in card.notices)
    with pytest.raises(InvalidRequest, match="Leave --encoder out"):
        train(Run(RECIPE, [streets], [], tmp_path / "mini", "mini", file))
