"""Verifies all stored objects, kind by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from storage.backends import StorageBackends
from storage.verification.catalogue_entries import verify_catalogue
from storage.verification.checked import Checked
from storage.verification.contents import verify_contents
from storage.verification.job_objects import verify_jobs
from storage.verification.masks import verify_masks
from storage.verification.model_versions import verify_models


class Verifier:
    """Reads every object once. It may run beside a service, any number of times.

    With `repair`, objects are restored from Redis, damaged masks are deleted so that they are made
    again, and clients are asked to upload missing bytes again.
    """

    def __init__(self, storage: StorageBackends, *, repair: bool) -> None:
        store = storage.store
        self.kinds: Mapping[str, Callable[[], Iterator[Checked]]] = {
            "images": lambda: verify_contents(store, storage.catalogue, "images", repair=repair),
            "truths": lambda: verify_contents(store, storage.catalogue, "truths", repair=repair),
            "masks": lambda: verify_masks(store, repair=repair),
            "catalogue": lambda: verify_catalogue(store, storage.catalogue, repair=repair),
            "jobs": lambda: verify_jobs(store, storage.archive, repair=repair),
            "models": lambda: verify_models(store, storage.registry, storage.deployments),
        }
        """Verification of each kind. Each raises `StoreUnavailable` and `RecordsUnavailable`."""
