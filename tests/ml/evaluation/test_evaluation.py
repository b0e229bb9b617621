"""A model measured on annotated images: scores, soft scores, calibration, views."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from ml.data.annotated import from_folder
from ml.data.samples import annotated_samples
from ml.engines.keras_engine import KerasEngine
from ml.evaluation.evaluation import Evaluation, Seen, evaluate_samples, measure
from ml.evaluation.gallery import GalleryImage, WorstImages
from ml.evaluation.summary import summarize
from ml.inference.predictor import Predictor
from ml.inference.segmenter import Segmenter
from ml.inference.tta import predict_views, tta_views
from ml.inference.upsampling import upsample_probabilities
from ml.networks.unet import UNetMini
from ml.registry.artifact import Artifact
from ml.registry.input_size import InputSize
from roadmask.errors import InvalidRequest
from roadmask.images.decoding import encode_png
from roadmask.images.layouts import read_truth
from roadmask.masks.codec import decode_mask
from roadmask.masks.taxonomy import CITYSCAPES
from tests.harness.ml.probabilities import probabilities_of
from tests.harness.ml.street_folder import draw_street, write_streets


class Reader(keras.Model):  # type: ignore[misc]
    """Reads categories back from an image in the colours of the palette, and is sure of them."""

    def call(self, image: object, training: bool = False) -> object:
        colors = keras.ops.cast(CITYSCAPES.palette[:8], "float32")
        pixels = keras.ops.cast(image, "float32")[..., None, :]
        return -keras.ops.sum(keras.ops.square(pixels - colors), axis=-1)


@pytest.fixture(scope="module")
def always_flat() -> Segmenter:
    """A network that says "flat" everywhere."""
    model = UNetMini(widths=(4, 4))
    head = model.get_layer("logits")
    bias = np.eye(8)[CITYSCAPES.index("flat")]
    head.set_weights([np.zeros_like(head.get_weights()[0]), bias])
    return Segmenter(KerasEngine(model, CITYSCAPES.real), InputSize(budget=4096))


def test_scores_in_closed_form(always_flat: Segmenter, streets: Path) -> None:
    samples = annotated_samples(streets)
    truths = np.concatenate([read_truth(sample).ravel() for sample in samples])
    labelled = truths[truths != CITYSCAPES.void]
    share = (labelled == CITYSCAPES.index("flat")).mean()
    present = len(np.unique(labelled))

    scores = evaluate_samples(always_flat, samples, CITYSCAPES)

    assert scores.images == len(samples)
    assert scores.accuracy == pytest.approx(share)
    assert scores.per_category["flat"].iou == pytest.approx(share)
    assert scores.per_category["flat"].dice == pytest.approx(2 * share / (1 + share))
    assert scores.per_category["sky"].iou == 0
    assert scores.per_category["object"].iou is None
    assert scores.mean_iou == pytest.approx(share / present)


def test_measurements_name_their_data_set(always_flat: Segmenter, streets: Path) -> None:
    (measurement,) = measure(always_flat, [streets], CITYSCAPES)
    assert measurement.dataset.endswith("/streets")
    assert measurement.scores == evaluate_samples(
        always_flat, annotated_samples(streets), CITYSCAPES
    )


def test_a_perfect_answer_scores_one(streets: Path) -> None:
    """Truths as images: a network that reads the palette back must score 1 at the images' size."""
    keras.utils.set_random_seed(0)
    sample = annotated_samples(streets)[0]
    truth = read_truth(sample)

    input_size = InputSize(budget=truth.size, multiple=1)
    (mask,) = Segmenter(KerasEngine(Reader(), range(8)), input_size).predict(
        [CITYSCAPES.palette[truth]]
    )
    assert (mask == truth).mean() > 0.97


def run(evaluation: Evaluation, folder: Path) -> list[Seen]:
    return list(evaluation.run(from_folder(folder).load()))


@pytest.fixture(scope="module")
def segmenter(artifact: Artifact) -> Segmenter:
    return Predictor(artifact)


def test_one_pass_scores_as_the_quick_one_does(segmenter: Segmenter, streets: Path) -> None:
    evaluation = Evaluation(segmenter, CITYSCAPES)
    seen = run(evaluation, streets)
    quick = evaluate_samples(segmenter, annotated_samples(streets), CITYSCAPES)
    assert evaluation.scores == quick
    assert [each.name for each in seen] == [f"{index:03d}" for index in range(6)]
    np.testing.assert_array_equal(evaluation.confusions, [each.counts for each in seen])


def test_masks_are_those_of_the_predictor(segmenter: Segmenter, streets: Path) -> None:
    for seen in run(Evaluation(segmenter, CITYSCAPES), streets):
        (mask,) = segmenter.predict([seen.image])
        np.testing.assert_array_equal(seen.mask, mask)


@pytest.mark.parametrize(("warm", "times"), [(False, 1), (True, 2)])
def test_a_batch_is_predicted_once_and_twice_where_speed_is_told(
    segmenter: Segmenter, streets: Path, monkeypatch: pytest.MonkeyPatch, warm: bool, times: int
) -> None:
    batches: list[int] = []

    def predict(segmenter: Segmenter, images: Any, views: Any) -> Any:
        batches.append(len(images))
        return predict_views(segmenter, images, views)

    monkeypatch.setattr("ml.evaluation.evaluation.predict_views", predict)
    run(Evaluation(segmenter, CITYSCAPES, warm=warm), streets)
    assert batches == [6] * times


def test_soft_scores_and_calibration_are_those_of_whole_probabilities(
    segmenter: Segmenter, streets: Path
) -> None:
    evaluation = Evaluation(segmenter, CITYSCAPES)
    both = each = 0.0
    gaps = np.zeros(15)
    pixels = 0
    for seen in run(evaluation, streets):
        likely = probabilities_of(segmenter, seen.image)
        kept = seen.truth != CITYSCAPES.void
        true = (seen.truth == np.arange(1, 8)[:, None, None]) & kept
        both += float((likely * true).sum())
        each += float((likely * kept).sum() + true.sum())
        sure, right = likely.max(axis=0)[kept], (seen.truth == seen.mask)[kept]
        places = np.minimum((sure * 15).astype(int), 14)
        gaps += np.bincount(places, right - sure.astype(np.float64), minlength=15)
        pixels += int(kept.sum())
    assert evaluation.soft.iou == pytest.approx(both / (each - both), rel=1e-4)
    assert evaluation.soft.dice == pytest.approx(2 * both / each, rel=1e-4)
    assert evaluation.calibration.error == pytest.approx(np.abs(gaps).sum() / pixels, rel=1e-3)


def test_views_average_probabilities_at_the_images_size(segmenter: Segmenter) -> None:
    image = draw_street(3)[0]
    views = tta_views((0.75, 1.0, 1.5), mirror=True)
    assert len(views) == 6
    expected = np.zeros((7, *image.shape[:2]))
    for view in views:
        (logits,) = segmenter.logits([image], view)
        expected += np.concatenate(
            [strip for _, strip in upsample_probabilities(logits, *image.shape[:2])], axis=1
        )
    (said,) = predict_views(segmenter, [image], views)
    found = np.concatenate([strip for _, strip in said.probabilities()], axis=1)
    np.testing.assert_allclose(found, expected / 6, atol=1e-5)
    np.testing.assert_array_equal(said.mask(), found.argmax(axis=0) + 1)


def test_mirrored_views_make_an_answer_without_sides(segmenter: Segmenter) -> None:
    image = draw_street(4)[0]
    mirrored = np.ascontiguousarray(image[:, ::-1])
    said, other = predict_views(segmenter, [image, mirrored], tta_views(mirror=True))
    for (_, strip), (_, turned) in zip(said.probabilities(), other.probabilities(), strict=True):
        np.testing.assert_allclose(strip, turned[..., ::-1], atol=1e-5)


@pytest.mark.parametrize("scales", [(), (0.0,), (1.0, 9.0), (float("nan"),)])
def test_scales_out_of_reason_are_refused(scales: tuple[float, ...]) -> None:
    with pytest.raises(InvalidRequest, match="Scales are"):
        tta_views(scales)


def test_a_sure_and_right_answer_is_calibrated(tmp_path: Path) -> None:
    """Images in the colours of their truth, which `Reader` reads back without doubt."""
    folder = write_streets(tmp_path / "streets", 3)
    for mask in (folder / "masks").iterdir():
        colors = CITYSCAPES.palette[decode_mask(mask.read_bytes())]
        (folder / "images" / mask.name).write_bytes(encode_png(colors))
    segmenter = Segmenter(
        KerasEngine(Reader(), range(1, 8)), InputSize(budget=96 * 128, multiple=1)
    )
    evaluation = Evaluation(segmenter, CITYSCAPES)
    run(evaluation, folder)
    assert evaluation.sizes == {(96, 128)}
    assert evaluation.scores.mean_iou == 1
    assert evaluation.soft.iou == pytest.approx(1)
    assert evaluation.calibration.error == pytest.approx(0, abs=1e-6)


def test_confusion_is_that_of_sklearn(segmenter: Segmenter, streets: Path) -> None:
    from sklearn.metrics import confusion_matrix

    evaluation = Evaluation(segmenter, CITYSCAPES)
    seen = run(evaluation, streets)
    found = summarize(evaluation, tta_views())["confusion"]
    truth, mask = (
        np.concatenate([getattr(each, part).ravel() for each in seen]) for part in ("truth", "mask")
    )
    labels = [*range(1, 8)]
    assert found["truth"] == found["prediction"] == [CITYSCAPES.names[index] for index in labels]
    np.testing.assert_array_equal(found["pixels"], confusion_matrix(truth, mask, labels=labels))
    for name, shares in zip(found["truth"], found["shares"], strict=True):
        if name in ("construction", "object"):
            assert shares is None
        else:
            assert sum(shares) == pytest.approx(1)


def test_the_worst_are_kept_whatever_the_order() -> None:
    worst = WorstImages(3)
    values = [0.5, 0.1, float("nan"), 0.9, 0.3, 0.1, 0.7]
    for index, value in enumerate(values):
        worst.offer(value, partial(GalleryImage, str(index), (), ()))
    assert [each.name for each in worst] == ["1", "5", "4"]
