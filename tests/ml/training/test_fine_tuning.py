from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from ml.cli.train import train as command
from ml.data.data_source import DataSource
from ml.registry.artifact import Artifact, write_card
from ml.training.calibration import HEAD
from ml.training.learner import Learner
from ml.training.train import train
from ml.training.training_run import Run
from roadmask.errors import InvalidRequest
from tests.harness.ml.eager import eagerly
from tests.harness.ml.narrow_network import RECIPE
from tests.harness.ml.street_folder import write_streets

STILL = replace(RECIPE, batch=6, epochs=1, learning_rate=0.0, weight_decay=0.0)
"""One step that changes no weight."""


@pytest.fixture(autouse=True)
def without_graphs(narrow: None) -> Iterator[None]:
    with eagerly():
        yield


@pytest.fixture
def base_model(finished: Run, tmp_path: Path) -> Artifact:
    """The narrow network, trained; in a folder of the test."""
    return Artifact.load(copytree(finished.folder / "artifact", tmp_path / "base"))


def kernels(model: Any) -> dict[str, Any]:
    """By layer, except that of the logits, which calibration changes."""
    return {
        layer.name: layer.get_weights()[0]
        for layer in model.layers
        if layer.weights and layer.name != HEAD
    }


def test_a_run_begins_with_the_weights_of_its_base_model(base_model: Artifact) -> None:
    began, stored = Learner(STILL, 1, base_model=base_model).average, base_model.load_model()
    np.testing.assert_equal(kernels(began), kernels(stored))
    calibration = base_model.card.calibration
    assert calibration is not None
    expected = stored.get_layer(HEAD).get_weights()[0] * calibration.temperature
    np.testing.assert_allclose(began.get_layer(HEAD).get_weights()[0], expected, rtol=1e-6)


def test_the_card_names_the_base_model_and_has_its_terms(
    base_model: Artifact, streets: Path, tmp_path: Path
) -> None:
    card = base_model.card.model_copy(update={"notices": ["Ask the owners of the streets."]})
    owned = write_card(base_model.path, card)
    run = Run(STILL, [DataSource(streets)], [], tmp_path / "run", "tuned", base_model=owned)
    tuned = train(run).card
    assert tuned.provenance.base_model == str(base_model.model_version)
    assert tuned.notices[0] == "Ask the owners of the streets."
    assert any(streets.name in notice for notice in tuned.notices[1:])


def test_a_run_is_resumed_with_its_base_model_alone(
    base_model: Artifact, streets: Path, tmp_path: Path
) -> None:
    run = Run(STILL, [DataSource(streets)], [], tmp_path / "run", "tuned", base_model=base_model)
    finished = train(run)
    assert train(run).sha256 == finished.sha256
    with pytest.raises(InvalidRequest, match=r"other --fine-tune \(narrow@.* there, none here\)"):
        train(replace(run, base_model=None))


def test_a_model_of_another_network_is_refused(
    base_model: Artifact, streets: Path, tmp_path: Path
) -> None:
    recipe = replace(STILL, network="unet_mini")
    run = Run(recipe, [DataSource(streets)], [], tmp_path / "run", "tuned", base_model=base_model)
    with pytest.raises(InvalidRequest, match="cannot be fine-tuned as unet_mini: it is a narrow"):
        train(run)


def test_a_base_model_and_an_encoder_exclude_each_other(
    base_model: Artifact, streets: Path, tmp_path: Path
) -> None:
    folder, file = tmp_path / "run", tmp_path / "encoder.npz"
    run = Run(STILL, [DataSource(streets)], [], folder, "tuned", file, base_model)
    with pytest.raises(InvalidRequest, match="Leave --encoder out"):
        train(run)


def test_the_command_fine_tunes_a_shipped_model(tmp_path: Path) -> None:
    streets = write_streets(tmp_path / "streets", 2)
    words = ["unet_mini", "--fine-tune", "unet_mini", "--data", str(streets), "--smoke"]
    words += ["--set", "crop=[32,48]", "--epochs", "1", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    base_model = Artifact.load(tmp_path / "run" / "artifact").card.provenance.base_model
    assert base_model.startswith("unet_mini@")


def test_the_command_names_the_models_there_are(tmp_path: Path) -> None:
    streets = write_streets(tmp_path / "streets", 1)
    words = ["unet_mini", "--fine-tune", "unet_maxi", "--data", str(streets)]
    done = CliRunner().invoke(command, [*words, "--out", str(tmp_path / "run")])
    assert "street_unet@" in str(done.exception)
