"""Verifies masks by their facts."""

from __future__ import annotations

from collections.abc import Iterator

from roadmask.masks.indexed_png import is_whole_png
from storage.masks.facts import MaskFacts, StoredBytes
from storage.objects.keys import MASKS, confidence_key
from storage.objects.store import ObjectStore
from storage.verification.checked import Checked, check_each


def verify_masks(store: ObjectStore, *, repair: bool) -> Iterator[Checked]:
    """Read all masks that have facts. A mask without facts is never used, so it is not read."""

    def check(key: str) -> Checked | None:
        if not key.endswith(".json"):
            return None
        fault = _fault(store, key)
        if fault is None or not repair:
            return Checked(key, fault)
        # A worker may have made the mask again meanwhile.
        if _fault(store, key) is not None:
            store.delete(key)
        return Checked(key, fault, "the mask is made again when its image is requested")

    return check_each(store, store.keys(MASKS), check)


def _fault(store: ObjectStore, key: str) -> str | None:
    """The fault of the mask whose facts have this key; None if it is sound."""
    try:
        facts = MaskFacts.model_validate_json(store.get(key))
    except ValueError:
        return "its facts cannot be read"
    png = f"{key.removesuffix('.json')}.png"
    if not _is_sound(store, png, facts.stored_mask):
        return f"{png} is missing or damaged"
    confidence = confidence_key(png)
    if facts.stored_confidence and not _is_sound(store, confidence, facts.stored_confidence):
        return f"{confidence} is missing or damaged"
    return None


def _is_sound(store: ObjectStore, key: str, stored: StoredBytes | None) -> bool:
    if stored is not None:
        return stored.check(store, key, read=True) is not None
    # Earlier versions stored no hash.
    return store.exists(key) and is_whole_png(store.get(key))
