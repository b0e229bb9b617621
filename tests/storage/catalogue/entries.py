"""What tests of the catalogue put into it."""

from __future__ import annotations

import hashlib

import numpy as np

from roadmask.images.facts import ImageFacts
from roadmask.masks.codec import encode_mask
from roadmask.schemas.images import CatalogueEntry, Image
from storage.catalogue.catalogue import Catalogue
from storage.catalogue.uploaded_image import UploadedImage
from storage.objects.keys import truth_key
from storage.objects.local import LocalStore

FACTS = ImageFacts("png", 40, 30, 3, 8)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def upload(catalogue: Catalogue, text: str) -> str:
    [image] = catalogue.add_uploads([UploadedImage(sha(text), FACTS, 1000)])
    return image.sha256


def upload_truth(store: LocalStore, width: int = 40, height: int = 30) -> str:
    data = encode_mask(np.ones((height, width), np.uint8))
    digest = hashlib.sha256(data).hexdigest()
    store.put(truth_key(digest), data, "image/png")
    return digest


def fill(catalogue: Catalogue, dataset: str, names: list[str], truth: str | None = None) -> None:
    """Name one and the same upload in many ways."""
    digest = upload(catalogue, "one")
    entries = [CatalogueEntry(name=name, sha256=digest, truth_sha256=truth) for name in names]
    catalogue.register(dataset, entries)


def ids(images: list[Image]) -> list[str]:
    return [image.id for image in images]
