"""A large JPEG decoded at a part of its size has the mask that it has when decoded whole."""

from __future__ import annotations

import pytest

from ml.engines.choice import choose
from ml.inference.predictor import Predictor
from ml.registry.artifact import find_artifact
from ml.scenes import render
from roadmask.images.decoding import decode, encode_jpeg
from roadmask.settings import Settings

LIMIT = 50_000_000


# The first one may wait for a conversion.
pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize(("seed", "width", "height"), [(0, 1664, 832), (1, 900, 1600)])
def test_the_mask_is_nearly_the_same_at_the_images_own_size(
    seed: int, width: int, height: int
) -> None:
    artifact = find_artifact("default")
    predictor = Predictor(artifact, choose(artifact, Settings(), "openvino-f32"))
    data = [encode_jpeg(render(seed, width, height).image)]
    least = predictor.input_size(height, width)
    small = [decode(each, LIMIT, least) for each in data]
    assert all(height > each.shape[0] >= least[0] for each in small)
    assert all(width > each.shape[1] >= least[1] for each in small)
    found = predictor.predict_with_confidence(small, [(height, width)] * len(small))
    whole = predictor.predict([decode(each, LIMIT) for each in data])
    for (mask, confidence), other in zip(found, whole, strict=True):
        assert mask.shape == confidence.shape == (height, width)
        assert (mask == other).mean() > 0.995
