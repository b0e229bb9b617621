"""Decoding in a disposable process gives the same pixels and the same errors."""

from __future__ import annotations

import numpy as np
import pytest

from roadmask.errors import DeadlineExceeded, ImageUnreadable, RoadmaskError
from roadmask.pixels import decode
from tests.worker.pictures import BAD, GOOD
from worker import quarantine
from worker.quarantine import decode_apart

PIXELS = 50_000_000


def test_the_pixels_are_the_same() -> None:
    data = GOOD["turned"]
    for least, shape in ((48, 32), (48, 32, 3)), ((24, 16), (24, 16, 3)):
        pixels = decode_apart(data, PIXELS, least, 30)
        assert pixels.shape == shape
        np.testing.assert_array_equal(pixels, decode(data, PIXELS, least))


def test_a_refused_image_raises_the_same_error() -> None:
    data, code = BAD["truncated"]
    with pytest.raises(RoadmaskError) as raised:
        decode_apart(data, PIXELS, (1, 1), 30)
    assert raised.value.code == code
    assert "400x300" in raised.value.detail


def test_a_decoder_that_takes_too_long_is_ended() -> None:
    with pytest.raises(DeadlineExceeded):
        decode_apart(GOOD["grey"], PIXELS, (1, 1), 0.01)


def test_a_decoder_that_dies_is_the_images_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "COMMAND", ("-c", "import os; os.abort()"))
    with pytest.raises(ImageUnreadable, match="died"):
        decode_apart(GOOD["grey"], PIXELS, (1, 1), 30)
