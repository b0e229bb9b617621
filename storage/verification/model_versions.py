"""Verifies published models and the history of deployments."""

from __future__ import annotations

from collections.abc import Iterator

from roadmask.errors import HashMismatch, RecordUnreadable
from roadmask.schemas.model_version import CARD_FILE, ModelVersion
from storage.models.deployments import Deployments
from storage.models.registry import ModelRegistry
from storage.objects.keys import DEPLOYMENTS, MODELS
from storage.objects.store import ObjectStore
from storage.verification.checked import Checked, check_each


def verify_models(
    store: ObjectStore, registry: ModelRegistry, deployments: Deployments
) -> Iterator[Checked]:
    """Read all models and deployments. The operator repairs damage by a new push or promotion."""

    def check(key: str) -> Checked | None:
        try:
            if key.startswith(DEPLOYMENTS):
                deployments.read_entry(key)
                return Checked(key)
            _, name, version, file = key.split("/")
            if file != CARD_FILE:
                return None
            registry.check(ModelVersion(name, version))
        except (RecordUnreadable, HashMismatch) as error:
            return Checked(key, error.detail)
        return Checked(key)

    return check_each(store, store.keys(MODELS), check)
