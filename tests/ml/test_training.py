from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.artifact import Artifact
from ml.recipes.registry import UNET_MINI, find_recipe
from ml.training import Run, train
from roadmask.errors import InvalidRequest

RECIPE = UNET_MINI.smoke()


class Interrupted(Exception):
    """Stands for a crash in the middle of an epoch."""


def interrupt(epoch: int, step: int, values: dict[str, float] | None) -> None:
    if epoch == 2:
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

    def note(epoch: int, step: int, values: dict[str, float] | None) -> None:
        if values:
            epochs.append(epoch)

    recipe = replace(RECIPE, epochs=50, patience=1, learning_rate=0.0)
    train(Run(recipe, [streets], [streets], tmp_path / "run", "still"), note)
    assert len(epochs) < 10


def test_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="unet_mini"):
        find_recipe("unet_maxi")
