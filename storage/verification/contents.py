"""Verifies content-addressed objects: images and truths."""

from __future__ import annotations

from collections.abc import Iterator

from roadmask.hashing import sha256_of_blocks
from storage.access.ownership import Kind
from storage.catalogue.catalogue import Catalogue
from storage.objects.store import ObjectStore
from storage.verification.checked import Checked, check_each


def verify_contents(
    store: ObjectStore, catalogue: Catalogue, kind: Kind, *, repair: bool
) -> Iterator[Checked]:
    """Read all images, or all truths, and compare them with their hashes."""

    def check(key: str) -> Checked:
        sha256 = key.rpartition("/")[2].removesuffix(".png")
        if sha256_of_blocks(store.stream(key)) == sha256:
            return Checked(key)
        fault = "its bytes do not have the sha256 of its key: upload it again"
        if not repair:
            return Checked(key, fault)
        catalogue.report_damaged(kind, sha256)
        return Checked(key, fault, "clients are asked to upload it again")

    return check_each(store, store.keys(f"{kind}/"), check)
