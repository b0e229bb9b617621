from __future__ import annotations

import io
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from ml.cli.card import card
from ml.cli.compare import compare
from ml.cli.dataset import say_labels
from ml.cli.evaluate import evaluate
from ml.cli.progress import TrainingProgress
from ml.cli.pseudo_label import pseudo_label
from ml.cli.recalibrate import recalibrate
from ml.cli.train import train
from ml.cli.tune import tune
from ml.data.annotated import LoadedImage
from ml.data.samples import dataset_name
from ml.inference.predictor import Predictor
from ml.registry.artifact import Artifact
from ml.training.training_run import TrainingStep
from ml.tuning.trials import run_trials
from roadmask.errors import Conflict, InvalidRequest
from roadmask.images.reading import AS_FOUND
from roadmask.masks.codec import encode_mask
from roadmask.masks.taxonomy import CITYSCAPES
from tests.harness.ml.bright_network import fails_on_white, whiten
from tests.harness.ml.other_categories import with_other_categories
from tests.harness.ml.street_folder import draw_street, write_streets


def test_train_writes_an_artifact_and_tells_each_epoch(
    streets: Path, narrow: None, tmp_path: Path
) -> None:
    arguments = ["unet_mini", "--data", str(streets), "--out", str(tmp_path / "run"), "--smoke"]
    changes = ["--set", "network=narrow", "--seed", "7", "--batch", "3"]
    result = CliRunner().invoke(
        train, [*arguments, *changes, "--name", "mine"], catch_exceptions=False
    )
    assert result.exit_code == 0
    artifact = Artifact.load(tmp_path / "run" / "artifact")
    assert str(artifact.model_version) in result.stdout
    assert "epoch 2/2  loss" in result.stderr
    told = artifact.card.provenance.recipe
    assert (told["network"], told["seed"], told["batch"]) == ("narrow", 7, 3)


def test_evaluate_prints_a_table(artifact: Artifact, streets: Path) -> None:
    result = CliRunner().invoke(
        evaluate, [str(artifact.path), str(streets), "--engine", "keras"], catch_exceptions=False
    )
    assert str(artifact.model_version) in result.stdout
    assert "pixel accuracy" in result.stdout
    assert "vehicle" in result.stdout


def test_evaluate_gives_what_the_card_says(artifact: Artifact, streets: Path) -> None:
    result = CliRunner().invoke(
        evaluate,
        [str(artifact.path), str(streets), "--json", "--engine", "keras"],
        catch_exceptions=False,
    )
    words = json.loads(result.stdout)
    assert words["artifact"] == str(artifact.model_version)
    (measurement,) = artifact.card.metrics
    assert words.items() >= measurement.scores.model_dump().items()


def test_a_measurement_is_added_to_a_card(
    artifact: Artifact, streets: Path, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(artifact.path, tmp_path / "copy"))
    others = write_streets(tmp_path / "others", 2, first=50)
    arguments = [str(copied), "--measure", str(others), "--measure", str(streets)]
    result = CliRunner().invoke(
        card, [*arguments, "--choice", "It is small."], catch_exceptions=False
    )
    told, before = Artifact.load(copied).card, artifact.card
    assert json.loads(result.stdout) == json.loads(told.model_dump_json())
    assert [each.dataset for each in told.metrics] == [dataset_name(streets), dataset_name(others)]
    assert told.metrics[0] == before.metrics[0]
    assert (told.metrics[1].scores.images, told.metrics[1].float32_mean_iou) == (2, None)
    assert told.choice == "It is small."
    assert told.sha256 == before.sha256


def test_progress_on_a_terminal_shows_loss_speed_and_the_best_so_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr("sys.stderr", shown := io.StringIO())
    with TrainingProgress(2) as progress:
        for epoch, score in ((1, 0.5), (2, 0.25)):
            for step in (1, 2):
                progress.report(TrainingStep(epoch, step, 2, 8, 0.75, "float32"))
            values = {"loss": 0.75, "mean_iou": score, "iou/sky": 0.9}
            progress.report(TrainingStep(epoch, 2, 2, 8, 0.75, "float32", values))
    assert "learning in float32" in shown.getvalue()
    assert "epoch 1/2  loss 0.75  mean_iou 0.5  (" in shown.getvalue()
    assert "step 2/2  loss 0.7500" in shown.getvalue()
    assert "best 0.5000 (epoch 1)" in shown.getvalue()
    assert "iou/sky" not in shown.getvalue()


def test_images_without_a_mask_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_streets(tmp_path / "data", 3)
    (folder / "masks/001.png").unlink()
    say_labels(folder, AS_FOUND)
    assert "1 images without a mask, which are left out: images/001.png." in capsys.readouterr().err


def test_no_engine_is_chosen_by_images_without_an_annotated_pixel(
    artifact: Artifact, tmp_path: Path
) -> None:
    folder = write_streets(tmp_path / "data", 2)
    for mask in (folder / "masks").iterdir():
        mask.write_bytes(encode_mask(np.zeros((96, 128), np.uint8)))
    with pytest.raises(InvalidRequest, match="has an annotated pixel"):
        CliRunner().invoke(
            tune, [str(artifact.path), "--data", str(folder)], catch_exceptions=False
        )


def test_tune_names_images_that_cannot_be_read_or_segmented_and_measures_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The int8 network is a matter of minutes on a slow machine.
    monkeypatch.setattr("ml.tuning.tuner.find_spec", lambda name: None)
    folder = write_streets(tmp_path / "data", 5)
    artifact = fails_on_white(folder, tmp_path / "run")
    whiten(folder / "images/001.png")
    (folder / "images/003.png").write_bytes(b"no image")
    words = [str(artifact.path), "--data", str(folder), "--repeats", "1", "--json"]
    done = CliRunner().invoke(tune, words, catch_exceptions=False)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["images"] == 1
    assert "segmented: 2\n  003: " in done.stderr
    assert "\n  001: The model computes numbers that are not finite." in done.stderr


def test_tune_needs_the_engines_that_it_compares(
    artifact: Artifact, streets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = {"tensorflow"}
    monkeypatch.setattr(
        "ml.engines.choice.find_spec", lambda name: None if name in missing else find_spec(name)
    )
    words = [str(artifact.path), "--data", str(streets), "--repeats", "1"]
    with pytest.raises(InvalidRequest, match="TensorFlow is not installed"):
        CliRunner().invoke(tune, words, catch_exceptions=False)


def test_an_engine_that_fails_where_keras_does_not_is_not_chosen(
    artifact: Artifact, tmp_path: Path
) -> None:
    streets = write_streets(tmp_path / "streets", 2)
    keras, failing = (
        Predictor(each) for each in (artifact, fails_on_white(streets, tmp_path / "run"))
    )
    image = LoadedImage("white", np.full((96, 128, 3), 255, np.uint8), draw_street(1)[1], 0.0)
    said: list[str] = []
    (trial,) = run_trials(
        keras,
        {"openvino-f32": failing},
        [(image, keras.predict([image.image])[0])],
        CITYSCAPES,
        1,
        said.append,
    )
    assert trial.engine == "keras"
    assert "openvino-f32 is left out: The model computes numbers that are not finite." in said[1]


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (evaluate, ["{model}", "{data}"]),
        (compare, ["{model}", "{model}", "{data}"]),
        (tune, ["{model}", "--data", "{data}"]),
        (pseudo_label, ["{model}", "{data}", "{out}", "--teaches", "human"]),
        (recalibrate, ["{model}", "{out}", "--val", "{data}"]),
        (card, ["{model}", "--measure", "{data}"]),
        (card, ["{model}", "--conditions", "{data}"]),
    ],
)
def test_masks_of_other_categories_are_not_compared_with_annotated_ones(
    streets: Path, tmp_path: Path, command: click.Command, options: list[str]
) -> None:
    """The IoU of one category would have the name of another."""
    other = with_other_categories(tmp_path / "other")
    words = [each.format(model=other.path, data=streets, out=tmp_path / "out") for each in options]
    with pytest.raises(Conflict, match="sky, vehicle, human; masks of"):
        CliRunner().invoke(command, words, catch_exceptions=False)
