from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from ml.engines.engine import BATCH
from ml.engines.keras_engine import KerasEngine
from ml.inference.predictor import Predictor
from ml.inference.segmenter import Segmenter, TtaView
from ml.inference.tta import predict_views, tta_views
from ml.networks.unet import UNetMini
from ml.registry.artifact import Artifact
from ml.registry.input_size import InputSize
from ml.registry.quality import QualityMode
from roadmask.errors import InvalidRequest, ModelFailed
from tests.harness.ml.eager import eagerly
from tests.harness.ml.probabilities import probabilities_of

ODD_SIZES = [(1, 1), (1, 900), (700, 1), (33, 17), (255, 257), (360, 480), (480, 360)]


@pytest.fixture(scope="module")
def predictor(artifact: Artifact) -> Predictor:
    predictor = Predictor(artifact)
    predictor.warm()
    return predictor


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_a_mask_has_its_images_size_and_never_void(predictor: Predictor) -> None:
    images = [noise(*size) for size in ODD_SIZES]
    masks = predictor.predict(images)
    assert [mask.shape for mask in masks] == ODD_SIZES
    assert all(mask.dtype == np.uint8 and mask.min() >= 1 and mask.max() <= 7 for mask in masks)


def test_no_images_no_masks(predictor: Predictor) -> None:
    assert predictor.predict([]) == []


@pytest.mark.parametrize("count", [2, 3, 8, 11])
def test_a_mask_does_not_depend_on_its_batch(predictor: Predictor, count: int) -> None:
    images = [noise(90 + index % 2, 120, index) for index in range(count)]
    alone = [predictor.predict([image])[0] for image in images]
    together = predictor.predict(images)
    for one, other in zip(alone, together, strict=True):
        assert one.tobytes() == other.tobytes()


def test_is_byte_identical_with_the_full_network_too() -> None:
    keras.utils.set_random_seed(1)
    segmenter = Segmenter(KerasEngine(UNetMini(), range(1, 8)), InputSize(budget=4096))
    images = [noise(64, 64, index) for index in range(BATCH)]
    alone = [segmenter.predict([image])[0] for image in images]
    for one, other in zip(alone, segmenter.predict(images), strict=True):
        assert one.tobytes() == other.tobytes()


def test_every_shape_runs_through_one_trace(artifact: Artifact) -> None:
    engine = KerasEngine(artifact.load_model(), artifact.answers)
    Segmenter(engine, artifact.card.input_size).predict([noise(*size) for size in ODD_SIZES])
    assert engine.traces == 1


def test_a_strided_image_is_as_good_as_a_contiguous_one(predictor: Predictor) -> None:
    image = noise(60, 80)
    mirrored = image[:, ::-1]
    (expected,) = predictor.predict([np.ascontiguousarray(mirrored)])
    np.testing.assert_array_equal(predictor.predict([mirrored])[0], expected)


def test_the_mask_is_the_most_probable_answer(predictor: Predictor) -> None:
    images = [noise(*size) for size in ODD_SIZES]
    for mask, image in zip(predictor.predict(images), images, strict=True):
        probabilities = probabilities_of(predictor, image)
        assert probabilities.shape == (len(predictor.answers), *mask.shape)
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-6)
        best = probabilities.max(axis=0)
        said = np.take_along_axis(probabilities, mask[None].astype(int) - 1, 0)[0]
        np.testing.assert_array_equal(said, best)


def test_a_mirrored_view_is_the_mirrored_image_turned_back(predictor: Predictor) -> None:
    image = noise(60, 80)
    (seen,) = predictor.logits([image], TtaView(mirror=True))
    (other,) = predictor.logits([image[:, ::-1]])
    np.testing.assert_array_equal(seen, other[..., ::-1])


def test_a_larger_view_has_larger_logits(predictor: Predictor) -> None:
    (plain,) = predictor.logits([noise(60, 80)])
    (large,) = predictor.logits([noise(60, 80)], TtaView(scale=2))
    assert large.shape[1] > 1.5 * plain.shape[1]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused_with_what_was_expected(
    predictor: Predictor, image: NDArray[np.uint8]
) -> None:
    with pytest.raises(InvalidRequest, match=r"uint8 of shape \(H, W, 3\)"):
        predictor.predict([noise(4, 4), image])


@pytest.fixture(scope="module")
def modes(artifact: Artifact) -> Predictor:
    """With a quality of a quarter of the pixels, and one of several views."""
    size = artifact.card.input_size
    qualities = {
        "fast": QualityMode(input_size=size.scaled(0.5)),
        "best": QualityMode(input_size=size, scales=(0.75, 1.25), mirror=True),
    }
    card = artifact.card.model_copy(update={"qualities": qualities})
    return Predictor(replace(artifact, card=card))


def test_standard_quality_is_one_view_at_the_cards_input_size(
    modes: Predictor, predictor: Predictor
) -> None:
    images = [noise(90, 120, index) for index in range(3)]
    for one, other in zip(modes.predict(images), predictor.predict(images), strict=True):
        np.testing.assert_array_equal(one, other)


def test_fast_quality_shows_the_network_fewer_pixels(modes: Predictor) -> None:
    fast, standard = (np.prod(modes.at(name).input_size(360, 480)) for name in ("fast", "standard"))
    assert fast < 0.4 * standard


def test_best_quality_averages_its_views(modes: Predictor) -> None:
    images = [noise(90, 120, 0), noise(61, 80, 1)]
    best = modes.at("best")
    pairs = best.predict_with_confidence(images)
    expected = predict_views(modes, images, tta_views((0.75, 1.25), mirror=True))
    for (mask, confidence), each, alone in zip(pairs, expected, best.predict(images), strict=True):
        np.testing.assert_array_equal(mask, each.mask())
        np.testing.assert_array_equal(mask, alone)
        whole = np.concatenate([strip for _, strip in each.probabilities()], axis=1)
        np.testing.assert_allclose(confidence, whole.max(axis=0))


def test_a_quality_that_the_card_has_not_names_those_there_are(predictor: Predictor) -> None:
    with pytest.raises(InvalidRequest, match="no quality 'best'; choose from standard"):
        predictor.at("best")


def test_a_warm_network_has_run_once_for_each_kernel(artifact: Artifact) -> None:
    class Counted(KerasEngine):
        batches: list[int]

        def _logits(self, batch: Any) -> Any:
            self.batches.append(len(batch))
            return super()._logits(batch)

    with eagerly():
        engine = Counted(artifact.load_model(), artifact.answers)
        engine.batches = []
        Predictor(artifact, engine=engine).warm()
    assert engine.batches == [1, 2, 4, 8]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_not_finite_are_no_mask(artifact: Artifact, value: float) -> None:
    model = artifact.load_model()
    model.trainable_weights[-1].assign(np.full(model.trainable_weights[-1].shape, value))
    predictor = Predictor(artifact, engine=KerasEngine(model, artifact.answers))
    calls: list[Callable[[], object]] = [
        predictor.warm,
        lambda: predictor.predict([noise(60, 80)]),
        lambda: predictor.predict_with_confidence([noise(60, 80)]),
        lambda: predict_views(predictor, [noise(60, 80)], tta_views(mirror=True)),
    ]
    for call in calls:
        with pytest.raises(ModelFailed, match="not finite"):
            call()
