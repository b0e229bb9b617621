"""Verifies the entries of the catalogue, and that their bytes exist."""

from __future__ import annotations

from collections.abc import Iterator

from roadmask.errors import RecordUnreadable
from storage.catalogue.catalogue import Catalogue
from storage.catalogue.entry import read_entry, write_entry
from storage.objects.keys import CATALOGUE, catalogue_key, image_key, truth_key
from storage.objects.store import ObjectStore
from storage.verification.checked import Checked, check_each


def verify_catalogue(
    store: ObjectStore, catalogue: Catalogue, *, repair: bool
) -> Iterator[Checked]:
    """Read all entries."""

    def check(key: str) -> Checked:
        try:
            image = read_entry(store, key)
        except RecordUnreadable as error:
            if repair and _write_again(store, catalogue, key):
                return Checked(key, error.detail, "it is written again from Redis")
            return Checked(key, f"{error.detail} Upload or register the image again.")
        if not store.exists(image_key(image.sha256)):
            if repair:
                catalogue.report_damaged("images", image.sha256)
            asked = "clients are asked to upload it again" if repair else None
            return Checked(key, "the bytes of its image are missing", asked)
        truth = image.truth_sha256
        if truth is not None and not store.exists(truth_key(truth)):
            if repair:
                catalogue.report_damaged("truths", truth)
            asked = "clients are asked to upload it again" if repair else None
            return Checked(key, "its truth is missing", asked)
        return Checked(key)

    return check_each(store, store.keys(CATALOGUE), check)


def _write_again(store: ObjectStore, catalogue: Catalogue, key: str) -> bool:
    """Write a damaged entry again if Redis has it."""
    [image] = catalogue.get_many([key.removeprefix(CATALOGUE).removesuffix("!.json")])
    if image is None:
        # The key may be a hash of the id.
        images = catalogue.walk("")
        image = next((image for image in images if catalogue_key(image.id) == key), None)
    if image is not None:
        write_entry(store, image)
    return image is not None
