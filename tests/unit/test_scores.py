import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from roadmask.categories import CITYSCAPES
from roadmask.errors import InvalidRequest
from roadmask.scores import confusion, scores


def masks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 8, (60, 80)).astype(np.uint8)
    noise = generator.integers(0, 8, truth.shape).astype(np.uint8)
    return truth, np.where(generator.random(truth.shape) < 0.6, truth, noise)


@pytest.mark.parametrize("seed", range(3))
def test_scores_equal_scikit_learns(seed: int) -> None:
    truth, prediction = masks(seed)
    result = scores(confusion(truth, prediction), images=1)
    labelled = truth != CITYSCAPES.void
    y_true, y_pred, real = truth[labelled], prediction[labelled], list(CITYSCAPES.real)
    iou = jaccard_score(y_true, y_pred, labels=real, average=None)
    dice = f1_score(y_true, y_pred, labels=real, average=None)
    assert result.accuracy == pytest.approx(accuracy_score(y_true, y_pred))
    assert result.mean_iou == pytest.approx(iou.mean())
    assert result.mean_dice == pytest.approx(dice.mean())
    for index, score in zip(real, result.per_category.values(), strict=True):
        assert score.iou == pytest.approx(iou[index - 1])
        assert score.dice == pytest.approx(dice[index - 1])


def test_counts_of_several_images_add_up_to_those_of_all_pixels() -> None:
    pairs = [masks(seed) for seed in range(3)]
    together = confusion(
        np.concatenate([t for t, _ in pairs]), np.concatenate([p for _, p in pairs])
    )
    assert (sum(confusion(truth, prediction) for truth, prediction in pairs) == together).all()


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


def test_masks_of_different_sizes_or_with_strange_indices_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"\(2, 3\)"):
        confusion(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))
    with pytest.raises(InvalidRequest, match="beyond the 8 categories"):
        confusion(np.zeros((2, 2), np.uint8), np.full((2, 2), 8, np.uint8))
