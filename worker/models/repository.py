"""The worker's local copies of models: its own, the shipped ones, and downloads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ml.registry.artifact import SHIPPED, Artifact, check_categories, find_artifact, shipped
from roadmask.atomic import replacing
from roadmask.errors import Conflict, HashMismatch, ModelNotFound, SignatureInvalid
from roadmask.schemas.model_version import (
    CARD_FILE,
    MODEL_FILE,
    SIGNATURE_FILE,
    ModelVersion,
    is_model_name,
)
from storage.models.qualities import card_qualities
from storage.models.registry import ModelRegistry
from storage.models.signatures import check_signature

MAX_DOWNLOADS = 3
"""Downloads of one version before its copy in the store counts as damaged."""

log = logging.getLogger(__name__)


class ModelRepository:
    """Finds artifacts by name and downloads published ones.

    `own` is the folder or name that the operator chose. Downloads are kept in `folder`, which
    several workers may share. The hash of a download is checked each time it is opened. With
    `public_keys`, every artifact that is not shipped must be signed by one of them.
    """

    def __init__(
        self, own: str, registry: ModelRegistry, folder: Path, public_keys: Sequence[str] = ()
    ) -> None:
        self._registry = registry
        self._folder = folder
        self._public_keys = public_keys
        self._lock = threading.Lock()
        self._own_name = own
        self.own = self._find_own(own)
        """The artifact that the worker was started with."""
        cards = shipped()
        self.shipped = [card.model_version for card in cards]
        """Versions that are installed with Roadmask."""
        self.qualities = {
            str(card.model_version): card_qualities(card.model_dump(mode="json"))
            for card in (self.own.card, *cards)
        }
        """Qualities of the own and the shipped versions, by `name@version`."""

    @property
    def downloaded(self) -> int:
        """Bytes of models that have arrived so far; it grows during a download."""
        return self._registry.fetched

    def find(self, name: str) -> Artifact:
        """The artifact with a name, a version or a `name@version`; `own` also by its folder.

        Raises `ModelNotFound`, `StoreUnavailable`, `HashMismatch` for a damaged artifact,
        `SignatureInvalid`, and `Conflict` if its categories are not those of the service.
        """
        if name == self._own_name or self.own.model_version.matches(name):
            return self.own
        for version in self.shipped:
            if version.matches(name):
                return find_artifact(str(version))
        return self._local_copy(self._registry.find(name))

    def publish_own(self) -> None:
        """Publish the worker's own artifact, so that jobs can be pinned to it.

        Every worker can then finish these jobs, including those started with another model.
        """
        version = self.own.model_version
        if not self._registry.has(version):
            signature = self.own.path / SIGNATURE_FILE
            signed = signature.read_bytes() if signature.exists() else None
            with suppress(Conflict):
                self._registry.push(self.own.path, version, signature=signed)
                log.info("published %s", version)

    def introduce_shipped(self) -> None:
        """Store the cards of the shipped models, so that the API can describe them."""
        for version in self.shipped:
            folder = SHIPPED / version.name
            size = (folder / MODEL_FILE).stat().st_size
            self._registry.introduce(version, (folder / CARD_FILE).read_bytes(), size)

    def _find_own(self, name: str) -> Artifact:
        try:
            return self._checked(find_artifact(name))
        except ModelNotFound:
            if not is_model_name(name):
                raise
            with suppress(ModelNotFound):
                return self._local_copy(self._registry.find(name))
            raise

    def _local_copy(self, version: ModelVersion) -> Artifact:
        """The copy on disk, downloaded if it is missing or damaged."""
        folder = self._folder / str(version)
        with self._lock:
            with suppress(ModelNotFound, HashMismatch, SignatureInvalid):
                return self._checked(Artifact.load(folder))
            for _ in range(MAX_DOWNLOADS):
                try:
                    return self._download(version, folder)
                except HashMismatch as error:
                    log.warning("The download of %s is damaged: %s", version, error.detail)
        raise HashMismatch(
            f"{version} in the object store is damaged. Publish it again with `roadmask models "
            "push`, which repairs it."
        )

    def _download(self, version: ModelVersion, folder: Path) -> Artifact:
        # Another worker of this machine may download the same copy at this moment.
        with replacing(folder) as download:
            self._registry.fetch(version, download)
            if Artifact.load(download).model_version != version:
                raise HashMismatch(f"The card of {version} in the store is of another version.")
            check_signature(download, version, self._public_keys)
        return self._checked(Artifact.load(folder))

    def _checked(self, artifact: Artifact) -> Artifact:
        """Return the artifact if it has the categories of the service and is shipped or signed."""
        check_categories(artifact)
        if artifact.path.parent != SHIPPED:
            check_signature(artifact.path, artifact.model_version, self._public_keys)
        return artifact
