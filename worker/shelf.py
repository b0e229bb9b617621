"""The shelf: artifacts on this machine's disk, and copies of those in the object store."""

from __future__ import annotations

import logging
import shutil
import threading
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from ml.artifact import Artifact, find_artifact, shipped
from roadmask.errors import Conflict, HashMismatch, ModelNotFound
from storage.artifacts import NAME, Artifacts, Version

TRIES = 3
"""Downloads of one artifact before it is taken for damaged in the store."""

log = logging.getLogger(__name__)


class Shelf:
    """Finds artifacts: the worker's own, those that come with Roadmask, and published ones.

    `own` is what the operator chose: any folder, or a name. Copies of published ones are kept in
    `folder`, which workers may share; their bytes are checked each time one is taken.
    """

    def __init__(self, own: str, artifacts: Artifacts, folder: Path) -> None:
        self._artifacts = artifacts
        self._folder = folder
        self._lock = threading.Lock()
        self._own_name = own
        self.own = self._find_own(own)
        self._shipped = [Version(card.name, card.version) for card in shipped()]

    @property
    def brought(self) -> list[str]:
        """What needs no store, as `name@version`."""
        return [str(version) for version in self._shipped]

    def find(self, name: str) -> Artifact:
        """The artifact of this name, version or `name@version`; other folders than `own` are none.

        Raises `ModelNotFound`, `StoreUnavailable`, and `HashMismatch` when it is damaged.
        """
        if name == self._own_name or version_of(self.own).is_called(name):
            return self.own
        for version in self._shipped:
            if version.is_called(name):
                return find_artifact(str(version))
        return self._copy(self._artifacts.find(name))

    def publish_own(self) -> None:
        """Put the worker's own artifact into the store, so that jobs can be pinned to it.

        Any worker can then finish them, also one that was started with another model.
        """
        version = version_of(self.own)
        if not self._artifacts.has(version):
            with suppress(Conflict):
                self._artifacts.push(self.own.path, version)
                log.info("published %s", version)

    def _find_own(self, name: str) -> Artifact:
        try:
            return find_artifact(name)
        except ModelNotFound:
            if not NAME.fullmatch(name):
                raise
            with suppress(ModelNotFound):
                return self._copy(self._artifacts.find(name))
            raise

    def _copy(self, version: Version) -> Artifact:
        """The artifact's copy on disk, fetched when it is not there or damaged."""
        folder = self._folder / str(version)
        with self._lock:
            with suppress(ModelNotFound, HashMismatch):
                return Artifact.load(folder)
            for _ in range(TRIES):
                try:
                    return self._fetch(version, folder)
                except HashMismatch as error:
                    log.warning("A copy of %s is refused: %s", version, error.detail)
        raise HashMismatch(
            f"{version} in the object store is damaged. Publish it again with `roadmask models "
            "push`, which makes it good."
        )

    def _fetch(self, version: Version, folder: Path) -> Artifact:
        self._folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self._folder, prefix="~") as draft:
            fetched = Path(draft) / "fetched"
            self._artifacts.fetch(version, fetched)
            artifact = Artifact.load(fetched)
            if version_of(artifact) != version:
                raise HashMismatch(f"The card of {version} in the store is of another version.")
            shutil.rmtree(folder, ignore_errors=True)
            # Another worker of this machine may have put its copy there: as good as this one.
            with suppress(OSError):
                fetched.rename(folder)
        return Artifact.load(folder)


def version_of(artifact: Artifact) -> Version:
    """As the store calls it."""
    return Version(artifact.name, artifact.version)
