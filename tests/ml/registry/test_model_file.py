from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from ml.engines.keras_engine import KerasEngine
from ml.inference.segmenter import Segmenter
from ml.networks.unet import UNetMini
from ml.registry.artifact import SHIPPED, Artifact
from ml.registry.input_size import InputSize
from ml.registry.model_file import read_model, write_model
from ml.training.losses import category_weights, cross_entropy
from roadmask.errors import InvalidRequest
from roadmask.masks.scores import confusion, scores
from roadmask.masks.taxonomy import CITYSCAPES
from tests.harness.ml.street_folder import draw_street

FIT = InputSize(budget=96 * 128)
STREETS = [draw_street(seed) for seed in range(4)]


@pytest.fixture(scope="module")
def learnt() -> UNetMini:
    """A narrow and flat network that has learnt streets: their colours tell categories apart."""
    keras.utils.set_random_seed(3)
    model = UNetMini(widths=(8, 16))
    small = [draw_street(seed, 48, 64) for seed in range(4)]
    images, truths = (np.stack(part) for part in zip(*small, strict=True))
    weights = np.array(category_weights(CITYSCAPES), np.float32)
    # Down the signs of the gradients, at once: tracing a step takes longer than all of them.
    for _ in range(25):
        with tf.GradientTape() as tape:
            loss = cross_entropy(truths, model(images, training=True), weights)
        variables = model.trainable_weights
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(0.02 * tf.sign(gradient))
    return model


def mean_iou(model: keras.Model) -> float:
    masks = Segmenter(KerasEngine(model, CITYSCAPES.real), FIT).predict(
        [image for image, _ in STREETS]
    )
    counts = [confusion(truth, mask) for (_, truth), mask in zip(STREETS, masks, strict=True)]
    return scores(np.sum(counts, axis=0), len(STREETS)).mean_iou or 0.0


def test_half_precision_hardly_changes_what_was_learnt(learnt: UNetMini, tmp_path: Path) -> None:
    write_model(learnt, tmp_path / "model.keras")
    stored = read_model(tmp_path / "model.keras")
    assert mean_iou(learnt) > 0.6
    assert mean_iou(stored) == pytest.approx(mean_iou(learnt), abs=0.0005)


def test_plain_keras_reads_kernels_rounded_and_the_rest_exactly(
    learnt: UNetMini, tmp_path: Path
) -> None:
    write_model(learnt, tmp_path / "model.keras")
    stored = keras.saving.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(learnt.weights, stored.weights, strict=True):
        expected = ours.numpy()
        if expected.ndim > 1:
            expected = expected.astype("float16").astype("float32")
        assert theirs.numpy().dtype == np.float32
        np.testing.assert_array_equal(theirs.numpy(), expected)


def test_the_same_weights_make_the_same_bytes_and_few(tmp_path: Path) -> None:
    model = UNetMini(widths=(8, 16, 32, 64, 64))
    first = write_model(model, tmp_path / "first.keras")
    again = read_model(tmp_path / "first.keras")
    assert write_model(again, tmp_path / "second.keras") == first
    stored = (tmp_path / "first.keras").stat().st_size
    assert stored < 2.2 * model.count_params()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.keras", "second.keras"]


@pytest.mark.parametrize("folder", sorted(p.parent for p in SHIPPED.glob("*/card.json")))
def test_shipped_models_load(folder: Path) -> None:
    artifact = Artifact.load(folder)
    assert artifact.load_model().count_params() == artifact.card.parameters


@pytest.mark.parametrize("place", [0, -1])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, place: int) -> None:
    model = UNetMini(widths=(8, 16))
    weight = model.weights[place]
    weight.assign(np.full(weight.shape, np.nan))
    write_model(model, tmp_path / "model.keras")
    with pytest.raises(InvalidRequest, match="weights that are not finite"):
        read_model(tmp_path / "model.keras")


@pytest.mark.parametrize("data", [b"", b"HDF", b"PK\3\4" + bytes(60)])
def test_a_file_that_is_no_model_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "model.keras").write_bytes(data)
    with pytest.raises(InvalidRequest, match=r"model\.keras is not a model in Keras' format"):
        read_model(tmp_path / "model.keras")


def test_a_model_without_its_configuration_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as file:
        file.writestr("metadata.json", "{}")
    with pytest.raises(InvalidRequest, match=r"is not a model in Keras' format .*config\.json"):
        read_model(tmp_path / "model.keras")


def _told(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()[-1]


@pytest.mark.slow
def test_what_keras_is_for_its_user_changes_no_model(tmp_path: Path) -> None:
    settings = {"floatx": "float16", "image_data_format": "channels_first", "backend": "torch"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    program = (
        "import numpy; from ml.registry.artifact import find_artifact;"
        "model = find_artifact('unet_mini').load_model();"
        "print(model(numpy.full((1, 96, 128, 3), 90, numpy.uint8)).numpy().dtype)"
    )
    assert _told(program, KERAS_HOME=str(tmp_path), KERAS_BACKEND="torch") == "float32"


@pytest.mark.slow
def test_the_check_of_graphics_processors_chooses_the_backend() -> None:
    program = "import benchmarks.gpu.engine, keras; print(keras.backend.backend())"
    assert _told(program, KERAS_BACKEND="openvino") == "openvino"
