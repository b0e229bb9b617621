from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest

from ml.inference.upsampling import upsample_mask, upsample_probabilities

ANSWERS = np.arange(1, 8, dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 500), (33, 65), (300, 500), (64, 96)])
def test_is_the_best_of_bilinearly_resized_logits(height: int, width: int) -> None:
    logits = np.random.default_rng(1).normal(size=(7, 64, 96)).astype(np.float32)
    whole = np.stack([cv2.resize(plane, (width, height)) for plane in logits])
    mask = upsample_mask(logits, height, width, ANSWERS)
    assert mask.shape == (height, width)
    assert mask.dtype == np.uint8
    runner_up, best = np.sort(whole, axis=0)[-2:]
    clear = best - runner_up > 1e-4
    np.testing.assert_array_equal(mask[clear], ANSWERS[whole.argmax(axis=0)][clear])
    assert clear.mean() > 0.99


def test_at_the_networks_own_size_nothing_is_smoothed() -> None:
    logits = np.random.default_rng(2).normal(size=(7, 32, 32)).astype(np.float32)
    np.testing.assert_array_equal(upsample_mask(logits, 32, 32, ANSWERS), logits.argmax(axis=0) + 1)


def test_memory_is_the_mask_and_little_more() -> None:
    logits = np.zeros((7, 256, 512), np.float32)
    tracemalloc.start()
    try:
        mask = upsample_mask(logits, 4000, 6000, ANSWERS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < mask.nbytes + 16 * 2**20


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 500), (130, 65), (300, 500)])
def test_softened_it_is_the_softmax_of_bilinearly_resized_logits(height: int, width: int) -> None:
    logits = np.random.default_rng(3).normal(scale=4, size=(7, 64, 96)).astype(np.float32)
    whole = np.stack([cv2.resize(plane, (width, height)) for plane in logits]).astype(np.float64)
    expected = np.exp(whole) / np.exp(whole).sum(axis=0)
    strips = list(upsample_probabilities(logits, height, width))
    assert np.r_[tuple(part for part, _ in strips)].tolist() == list(range(height))
    found = np.concatenate([strip for _, strip in strips], axis=1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-4)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-6)


def test_softening_stands_the_largest_of_logits() -> None:
    logits = np.array([1e4, -1e4, 1e4], np.float32).reshape(3, 1, 1)
    ((_, strip),) = upsample_probabilities(logits, 1, 1)
    np.testing.assert_array_equal(strip.ravel(), [0.5, 0, 0.5])
