import tracemalloc
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling import args, evaluateImgLists
from cityscapesscripts.helpers.labels import labels
from PIL import Image

from roadmask.errors import InvalidRequest
from roadmask.masks.scores import (
    BLOCK_PIXELS,
    accuracy,
    confusion,
    frequency_weighted_iou,
    iou_per_category,
    mean_iou,
    scores,
)
from roadmask.masks.taxonomy import CITYSCAPES, lookup
from roadmask.schemas.jobs import Scores


@pytest.fixture(scope="module")
def metrics() -> ModuleType:
    """Those of scikit-learn, which takes seconds to load: only for the tests that need it."""
    return import_module("sklearn.metrics")


def masks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 8, (60, 80)).astype(np.uint8)
    noise = generator.integers(0, 8, truth.shape).astype(np.uint8)
    return truth, np.where(generator.random(truth.shape) < 0.6, truth, noise)


@pytest.mark.parametrize("seed", range(3))
def test_scores_equal_scikit_learns(seed: int, metrics: ModuleType) -> None:
    truth, prediction = masks(seed)
    result = scores(confusion(truth, prediction), images=1)
    labelled = truth != CITYSCAPES.void
    y_true, y_pred, real = truth[labelled], prediction[labelled], list(CITYSCAPES.real)
    iou = metrics.jaccard_score(y_true, y_pred, labels=real, average=None)
    dice = metrics.f1_score(y_true, y_pred, labels=real, average=None)
    right = metrics.recall_score(y_true, y_pred, labels=real, average=None)
    assert result.accuracy == pytest.approx(metrics.accuracy_score(y_true, y_pred))
    assert result.mean_iou == pytest.approx(iou.mean())
    assert result.mean_dice == pytest.approx(dice.mean())
    for index, score in zip(real, result.per_category.values(), strict=True):
        assert score.iou == pytest.approx(iou[index - 1])
        assert score.dice == pytest.approx(dice[index - 1])
        assert score.accuracy == pytest.approx(right[index - 1])


def test_counts_of_several_images_add_up_to_those_of_all_pixels() -> None:
    pairs = [masks(seed) for seed in range(3)]
    together = confusion(
        np.concatenate([t for t, _ in pairs]), np.concatenate([p for _, p in pairs])
    )
    alone = [confusion(truth, prediction) for truth, prediction in pairs]
    assert (np.sum(alone, axis=0) == together).all()


def test_void_truth_is_ignored_and_void_answers_are_wrong() -> None:
    truth = np.array([[0, 0, 1, 1]], np.uint8)
    prediction = np.array([[1, 2, 1, 0]], np.uint8)
    result = scores(confusion(truth, prediction), images=1)
    assert result.accuracy == 0.5
    assert result.per_category["flat"].iou == 0.5
    assert result.per_category["construction"].iou is None
    assert result.mean_iou == 0.5


def test_a_perfect_mask_scores_one_and_an_unlabelled_image_nothing() -> None:
    truth, _ = masks(0)
    assert scores(confusion(truth, truth), images=1).mean_iou == 1
    void = np.zeros((4, 4), np.uint8)
    nothing = scores(confusion(void, truth[:4, :4]), images=1)
    assert nothing.accuracy is None
    assert nothing.mean_iou is None
    assert nothing.frequency_weighted_iou is None


def test_masks_of_different_sizes_or_with_strange_indices_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"\(2, 3\)"):
        confusion(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))
    with pytest.raises(InvalidRequest, match="beyond the 8 categories"):
        confusion(np.zeros((2, 2), np.uint8), np.full((2, 2), 8, np.uint8))


def test_frequency_weighted_iou_is_scikit_learns_weighted_jaccard(metrics: ModuleType) -> None:
    truth, prediction = masks(4)
    labelled = truth != CITYSCAPES.void
    expected = metrics.jaccard_score(
        truth[labelled], prediction[labelled], labels=list(CITYSCAPES.real), average="weighted"
    )
    result = scores(confusion(truth, prediction), images=1)
    assert result.frequency_weighted_iou == pytest.approx(expected)


def test_frequency_weighted_iou_in_closed_form() -> None:
    truth = np.array([[1, 1, 1, 2, 0]], np.uint8)
    prediction = np.array([[1, 1, 2, 2, 5]], np.uint8)
    result = scores(confusion(truth, prediction), images=1)
    assert result.frequency_weighted_iou == pytest.approx(3 / 4 * 2 / 3 + 1 / 4 * 1 / 2)


def test_counts_are_scikit_learns_confusion_matrix(metrics: ModuleType) -> None:
    truth, prediction = masks(5)
    expected = metrics.confusion_matrix(truth.ravel(), prediction.ravel(), labels=range(8))
    assert (confusion(truth, prediction) == expected).all()


@pytest.mark.parametrize("turn", [np.asarray, np.transpose, np.ravel])
def test_counts_of_a_large_mask_need_little_memory(
    turn: Callable[[np.ndarray], np.ndarray], metrics: ModuleType
) -> None:
    generator = np.random.default_rng(8)
    # Several blocks, of which the last one is smaller.
    truth, prediction = generator.integers(0, 8, (2, 1501, 1003)).astype(np.uint8)
    expected = metrics.confusion_matrix(truth.ravel(), prediction.ravel(), labels=range(8))
    truth, prediction = turn(truth), turn(prediction)
    tracemalloc.start()
    counts = confusion(truth, prediction)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (counts == expected).all()
    # The pairs of a block, int64, beside those of the block before.
    assert peak < 3 * 8 * BLOCK_PIXELS < 8 * truth.size


def test_measures_of_stacked_counts_are_those_of_each() -> None:
    counts = np.stack([confusion(*masks(seed)) for seed in range(6)]).reshape(2, 3, 8, 8)
    counts[1, 2, 3:] = 0
    each = [scores(one, images=1) for one in counts.reshape(6, 8, 8)]
    assert accuracy(counts).ravel().tolist() == [one.accuracy for one in each]
    assert mean_iou(counts).ravel().tolist() == [one.mean_iou for one in each]
    weighted = frequency_weighted_iou(counts).ravel().tolist()
    assert weighted == [one.frequency_weighted_iou for one in each]
    ious = [[score.iou for score in one.per_category.values()] for one in each]
    assert iou_per_category(counts).reshape(6, 7).tolist() == ious


def test_the_iou_of_categories_is_that_of_cityscapes_own_evaluation(tmp_path: Path) -> None:
    # Labels that Cityscapes ignores (parking, trailers) it treats as void, whereas the taxonomy
    # gives them their category: the two agree on truths that have none of these.
    evaluated = [label.id for label in labels if not label.ignoreInEval]
    void = [label.id for label in labels if label.categoryId == 0 and label.id >= 0]
    categories = lookup({label.id: label.categoryId for label in labels if label.id >= 0})
    generator = np.random.default_rng(6)
    counts = np.zeros((8, 8), np.int64)
    truths, predictions = ([str(tmp_path / f"{i}_{kind}.png") for i in range(3)] for kind in "tp")
    for truth_file, prediction_file in zip(truths, predictions, strict=True):
        truth = generator.choice(evaluated + void, (40, 60)).astype(np.uint8)
        noise = generator.choice(evaluated, truth.shape).astype(np.uint8)
        sure = (generator.random(truth.shape) < 0.6) & np.isin(truth, evaluated)
        prediction = np.where(sure, truth, noise)
        counts += confusion(categories[truth], categories[prediction])
        Image.fromarray(truth).save(truth_file)
        Image.fromarray(prediction).save(prediction_file)
    quiet = {"quiet": True, "JSONOutput": False, "evalInstLevelScore": False}
    theirs = evaluateImgLists(predictions, truths, SimpleNamespace(**vars(args) | quiet))
    ours = scores(counts, images=3)
    assert {name: score.iou for name, score in ours.per_category.items()} == pytest.approx(
        {name: theirs["categoryScores"][name] for name in ours.per_category}
    )
    assert ours.mean_iou == pytest.approx(theirs["averageScoreCategories"])


def test_scores_of_before_the_frequency_weighted_iou_can_still_be_read() -> None:
    result = scores(confusion(*masks(7)), images=1)
    older = result.model_dump(exclude={"frequency_weighted_iou"})
    assert Scores(**older) == result.model_copy(update={"frequency_weighted_iou": None})
