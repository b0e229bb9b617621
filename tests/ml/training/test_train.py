from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ml.data.data_source import DataSource
from ml.data.partial_labels import RECORD, PartialLabels
from ml.data.samples import dataset_name
from ml.networks import efficientnet_lite
from ml.networks.lite_unet import LiteUNet
from ml.networks.registry import NETWORKS
from ml.recipes.overrides import apply_overrides
from ml.recipes.registry import LITE_UNET, find_recipe
from ml.registry.artifact import Artifact
from ml.training.checkpoint import read_progress
from ml.training.learner import Learner
from ml.training.train import publish_best, train
from ml.training.training_run import Run
from roadmask.errors import InvalidRequest, ModelFailed, TrainingStopped
from roadmask.masks.taxonomy import CITYSCAPES
from tests.harness.ml.eager import eagerly
from tests.harness.ml.narrow_network import RECIPE
from tests.harness.ml.street_folder import write_streets
from tests.harness.ml.tensorboard_events import read_scalars
from tests.harness.privileges import bound_by_permissions
from tests.ml.networks.test_efficientnet_lite import stored_arrays

ENCODER = replace(LITE_UNET.smoke(), crop=(32, 48), budget=32 * 48, batch=6, epochs=1)
"""One step of a network with trained weights."""
ONE_STEP = replace(RECIPE, batch=6, epochs=1)
"""Of the narrow network, on all images of `streets`."""


@pytest.fixture(scope="module", autouse=True)
def without_graphs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, eagerly():
        patch.setitem(NETWORKS, "lite_unet", partial(LiteUNet, widths=(8, 8, 8, 8)))
        # Each stage of the encoder once.
        shallow = [(1, *rest) for _, *rest in efficientnet_lite._STAGES]
        patch.setattr(efficientnet_lite, "_STAGES", shallow)
        yield


def test_the_card_says_where_the_artifact_comes_from(finished: Run, streets: Path) -> None:
    card = Artifact.load(finished.folder / "artifact").card
    assert (card.name, card.network) == ("narrow", "narrow")
    assert card.provenance.recipe["epochs"] == RECIPE.epochs
    assert card.provenance.data == {dataset_name(streets): 6}
    assert set(card.provenance.versions) == {"roadmask", "tensorflow", "keras"}
    assert card.provenance.seconds
    (measured,) = card.metrics
    assert (measured.dataset, measured.scores.images) == (dataset_name(streets), 6)
    assert measured.soft_iou
    assert measured.float32_mean_iou == pytest.approx(measured.scores.mean_iou, abs=0.01)
    assert {name: len(curve) for name, curve in card.curves.items()} == dict.fromkeys(
        ("loss", "learning_rate", "mean_iou", "accuracy", "soft_iou"), RECIPE.epochs
    )


def test_tensorboard_gets_every_value_of_every_epoch(finished: Run) -> None:
    scalars = read_scalars(finished.folder / "tensorboard")
    history = read_progress(finished.checkpoint).history
    assert scalars.keys() == {1, 2}
    assert "iou/vehicle" in scalars[2]
    for epoch, values in enumerate(history, 1):
        assert scalars[epoch] == pytest.approx(values, rel=1e-6)


def test_a_finished_run_is_published_again_as_of_its_beginning(
    finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Artifact.load(finished.folder / "artifact")
    monkeypatch.setattr("ml.training.train.git_revision", lambda: "of today")
    again = publish_best(replace(finished, choice="The only one there is."))
    assert again.sha256 == first.sha256
    assert again.card.provenance.git_revision == first.card.provenance.git_revision
    assert again.card.choice == "The only one there is."


def test_a_run_that_has_no_epoch_yet_is_not_published(finished: Run, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no epoch to publish"):
        publish_best(replace(finished, folder=tmp_path))


def test_a_loss_that_is_no_number_ends_the_run(finished: Run, tmp_path: Path) -> None:
    recipe = replace(RECIPE, learning_rate=float("inf"))
    with pytest.raises(TrainingStopped, match=r"--set learning_rate"):
        train(replace(finished, recipe=recipe, folder=tmp_path))


def test_answers_that_are_no_numbers_end_the_run(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(*_: object) -> None:
        raise ModelFailed("The model computes numbers that are not finite.")

    monkeypatch.setattr("ml.inference.segmenter._check_finite", spoil)
    with pytest.raises(TrainingStopped, match=r"After epoch 1: .*--set learning_rate"):
        train(replace(finished, recipe=ONE_STEP, folder=tmp_path))


def test_validation_images_that_cannot_be_listed_are_told_before_the_first_epoch(
    finished: Run, tmp_path: Path
) -> None:
    streets = write_streets(tmp_path / "streets", 2)
    (streets / "images/private").mkdir(mode=0)
    with (
        bound_by_permissions(),
        pytest.raises(InvalidRequest, match=r"images/private/ of .* --val"),
    ):
        train(replace(finished, validation=(streets,), folder=tmp_path / "run"))


def test_precision_is_chosen_once_by_measurement(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.training.precision._ROUNDS", 2)
    run = replace(finished, recipe=replace(ONE_STEP, precision="auto"), folder=tmp_path)
    told = []
    card = train(run, lambda moment: told.append(moment.precision)).card
    times = card.provenance.precision_ms
    assert times.keys() == {"float32", "mixed_bfloat16"}
    assert card.provenance.recipe["precision"] == min(times, key=lambda name: times[name])
    assert f"float32 {times['float32']:.0f} ms a step" in told[0]
    assert read_progress(run.checkpoint).precision_ms == times


def test_a_run_without_progress_ends_by_its_patience(finished: Run, tmp_path: Path) -> None:
    recipe = replace(ONE_STEP, epochs=50, patience=1, learning_rate=0.0)
    train(replace(finished, recipe=recipe, folder=tmp_path))
    assert read_progress(tmp_path / "checkpoint.npz").epoch < 10


def test_any_field_of_a_recipe_can_be_changed_by_words() -> None:
    changed = apply_overrides(RECIPE, ["epochs=3", "crop=[64,96]", "loss=dice", "frozen=[]"])
    assert changed == replace(RECIPE, epochs=3, crop=(64, 96), loss="dice", frozen=())


@pytest.mark.parametrize(
    ("words", "message"),
    [("epochs", "key=value"), ("epoch=3", "one of name, network"), ("epochs=few", "epochs: ")],
)
def test_changes_that_make_no_sense_are_refused(words: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        apply_overrides(RECIPE, [words])


def test_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="unet_mini"):
        find_recipe("unet_maxi")


def test_an_encoder_starts_from_the_file_that_is_given(streets: Path, tmp_path: Path) -> None:
    file = tmp_path / "encoder.npz"
    np.savez(file, allow_pickle=False, **stored_arrays())
    card = train(Run(ENCODER, [DataSource(streets)], [], tmp_path / "run", "lite", file)).card
    assert card.provenance.encoder_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert any("EfficientNet-lite weights" in notice for notice in card.notices)
    with pytest.raises(InvalidRequest, match="Leave --encoder out"):
        train(Run(RECIPE, [DataSource(streets)], [], tmp_path / "mini", "mini", file))


def test_the_card_says_how_often_a_source_is_shown_and_how_its_labels_were_made(
    finished: Run, streets: Path, tmp_path: Path
) -> None:
    partial = write_streets(tmp_path / "partial", 4)
    rules = PartialLabels(teaches=("human",), teacher="lite@0")
    (partial / RECORD).write_text(rules.model_dump_json())
    sources = [DataSource(streets, 2), DataSource(partial, 0.5)]
    recipe = replace(ONE_STEP, batch=14)
    run = replace(finished, recipe=recipe, data=sources, folder=tmp_path / "run")
    provenance = train(run).card.provenance
    names = [dataset_name(folder) for folder in (streets, partial)]
    assert provenance.data == dict(zip(names, (6, 4), strict=True))
    assert provenance.data_weights == dict(zip(names, (2.0, 0.5), strict=True))
    assert provenance.pseudo_labels == {names[1]: rules}


def test_an_encoder_may_learn_at_a_rate_of_its_own(tmp_path: Path) -> None:
    """With a rate of 0 its weights stay; those of the decoder do not."""
    file = tmp_path / "encoder.npz"
    np.savez(file, allow_pickle=False, **stored_arrays())
    recipe = replace(ENCODER, encoder_rate=0.0, warmup=0.0)
    learner = Learner(recipe, 4, file)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 48, 3), np.uint8)
    before = [variable.numpy() for variable in learner.state()["model"]]
    for _ in range(2):
        learner.learn(images, np.ones((2, 32, 48), np.uint8))
    moved = {
        variable.path.split("/")[0]
        for variable, old in zip(learner.state()["model"], before, strict=True)
        if variable.path.endswith("kernel") and not np.array_equal(variable.numpy(), old)
    }
    assert moved
    assert all(name.startswith(("decoder", "logits")) for name in moved)


def test_distillation_learns_from_the_soft_labels_what_the_truth_does_not_say(
    narrow: None,
) -> None:
    """One half of the images has a truth; of the other, only a teacher knows the category."""
    recipe = replace(RECIPE, distillation=0.5, learning_rate=0.02, warmup=0.0)
    learner = Learner(recipe, 60)
    images = np.zeros((2, 32, 48, 3), np.uint8)
    images[:, :, 24:] = 255
    target = np.zeros((2, 32, 48, 1 + len(CITYSCAPES)), np.uint8)
    flat, sky = CITYSCAPES.index("flat"), CITYSCAPES.index("sky")
    target[:, :, :24, 0] = flat
    target[:, :, :24, 1 + flat] = 255
    target[:, :, 24:, 1 + sky] = 255
    losses = [float(learner.learn(images, target)) for _ in range(60)]
    assert losses[-1] < losses[0] / 2
    (mask,) = learner.segmenter.predict([images[0]])
    assert (mask[:, :20] == flat).mean() > 0.9
    assert (mask[:, 28:] == sky).mean() > 0.9
