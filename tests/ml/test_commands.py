from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from ml.artifact import Artifact
from ml.cli.evaluate import evaluate
from ml.cli.train import train


def test_train_writes_an_artifact_and_tells_each_epoch(streets: Path, tmp_path: Path) -> None:
    arguments = ["unet_mini", "--data", str(streets), "--out", str(tmp_path / "run"), "--smoke"]
    result = CliRunner().invoke(train, [*arguments, "--name", "mine"], catch_exceptions=False)
    assert result.exit_code == 0
    artifact = Artifact.load(tmp_path / "run" / "artifact")
    assert f"mine@{artifact.version}" in result.stdout
    assert "epoch 2/2  loss" in result.stderr


def test_evaluate_prints_a_table(artifact: Artifact, streets: Path) -> None:
    result = CliRunner().invoke(
        evaluate, [str(artifact.path), str(streets)], catch_exceptions=False
    )
    assert f"narrow@{artifact.version}" in result.stdout
    assert "pixel accuracy" in result.stdout
    assert "vehicle" in result.stdout


def test_evaluate_gives_what_the_card_says(artifact: Artifact, streets: Path) -> None:
    result = CliRunner().invoke(
        evaluate, [str(artifact.path), str(streets), "--json"], catch_exceptions=False
    )
    words = json.loads(result.stdout)
    assert words["artifact"] == f"narrow@{artifact.version}"
    (measurement,) = artifact.card.metrics
    assert words.items() >= measurement.scores.model_dump().items()
