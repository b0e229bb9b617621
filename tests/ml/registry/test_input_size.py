from __future__ import annotations

import numpy as np
import pytest

from ml.registry.input_size import InputSize


@pytest.mark.parametrize(
    ("image", "size"),
    [
        ((1024, 2048), (256, 512)),
        ((2048, 1024), (512, 256)),
        ((360, 480), (320, 416)),
        ((1, 1), (352, 352)),
        ((1, 30_000), (192, 736)),
        ((30_000, 1), (736, 192)),
    ],
)
def test_sizes(image: tuple[int, int], size: tuple[int, int]) -> None:
    assert InputSize().size(*image) == size


def test_whatever_comes_the_sizes_are_few_near_the_budget_and_of_the_images_aspect() -> None:
    input_size, random = InputSize(), np.random.default_rng(0)
    sizes = set()
    for height, width in random.integers(1, 9000, (20_000, 2)):
        h, w = input_size.size(int(height), int(width))
        assert h % input_size.multiple == w % input_size.multiple == 0
        assert 0.8 < h * w / input_size.budget < 1.25
        aspect = np.clip(width / height, 1 / input_size.max_aspect, input_size.max_aspect)
        assert 0.8 < (w / h) / aspect < 1.25
        sizes.add((h, w))
    assert len(sizes) <= 45


def test_scaled_it_gives_sides_that_much_longer() -> None:
    assert InputSize().scaled(2).size(1024, 2048) == (512, 1024)
    assert InputSize().scaled(1) == InputSize()
