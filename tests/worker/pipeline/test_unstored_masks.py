"""Masks that wait for the store, within limits."""

from __future__ import annotations

from datetime import UTC, datetime

from storage.masks.facts import MaskFacts
from storage.objects.keys import mask_keys
from worker.pipeline.unstored_masks import EncodedMask, UnstoredMasks


def mask(name: str, size: int) -> EncodedMask:
    facts = MaskFacts(
        width=1, height=1, shares={}, artifact="a@1", made_at=datetime.now(UTC), timings_ms={}
    )
    return EncodedMask(name, mask_keys(name, "a", {}), bytes(size // 2), bytes(size // 2), facts)


def test_a_mask_is_taken_once_by_name_or_by_age() -> None:
    masks = UnstoredMasks()
    for name in "abc":
        masks.keep(mask(name, 10))
    taken = [masks.take(name) for name in ("b", "b", None, None, None)]
    assert [one and one.flight for one in taken] == ["b", None, "a", "c", None]


def test_the_oldest_masks_are_dropped_beyond_the_limit() -> None:
    masks = UnstoredMasks(100)
    for name in "abab":
        masks.keep(mask(name, 40))
    masks.keep(mask("c", 40))
    assert masks.take("a") is None
    assert masks.take("b") is not None
    masks.keep(mask("too large", 200))
    assert masks.take() is None
