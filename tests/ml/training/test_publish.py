"""An artifact that is published again is the former one until the new one is complete."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import pytest

from ml.registry.artifact import Artifact
from ml.training.checkpoint import TrainingState
from ml.training.publish import publish
from ml.training.recalibration import recalibrate
from ml.training.training_run import Run
from roadmask.hashing import sha256_of_file
from roadmask.schemas.model_version import COMPILED_FILE, MODEL_FILE, SIGNATURE_FILE
from tests.harness.ml.narrow_network import NETWORK

Again = Callable[[Artifact, Run, Path], object]


def publish_other_weights(artifact: Artifact, run: Run, streets: Path) -> None:
    keras.utils.set_random_seed(6)
    publish(replace(run, folder=artifact.path.parent), NETWORK(), TrainingState())


def recalibrate_here(artifact: Artifact, run: Run, streets: Path) -> None:
    other = Artifact.load(run.folder / "artifact")
    recalibrate(other, artifact.path, [streets], budget=64 * 96)


@pytest.mark.parametrize("again", [publish_other_weights, recalibrate_here])
def test_an_interrupted_publication_leaves_the_former_artifact(
    artifact: Artifact,
    finished: Run,
    streets: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    again: Again,
) -> None:
    folder = tmp_path / "artifact"
    shutil.copytree(artifact.path, folder)
    former = Artifact.load(folder)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ml.training.publish.measure_stored", interrupt)
        patch.setattr("ml.training.recalibration.measure_stored", interrupt)
        with pytest.raises(KeyboardInterrupt):
            again(former, finished, streets)
    assert Artifact.load(folder).card == former.card
    assert sha256_of_file(folder / MODEL_FILE) == former.sha256
    for name in (COMPILED_FILE, SIGNATURE_FILE):
        (folder / name).write_bytes(b"of the former model")
    again(former, finished, streets)
    assert not (folder / COMPILED_FILE).exists()
    assert not (folder / SIGNATURE_FILE).exists()
    assert Artifact.load(folder).sha256 == sha256_of_file(folder / MODEL_FILE) != former.sha256
    assert (folder / "compiled").is_dir()
    assert not list(folder.glob(".*"))
