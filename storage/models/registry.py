"""The model registry: published artifacts in the object store, each a model and its card."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from roadmask.errors import (
    Conflict,
    HashMismatch,
    InvalidRequest,
    ModelNotFound,
    ObjectNotFound,
    RecordUnreadable,
)
from roadmask.hashing import sha256_of_blocks, sha256_of_file
from roadmask.schemas.media_types import JSON, OCTET_STREAM
from roadmask.schemas.model_version import (
    CARD_FILE,
    COMPILED_FILE,
    MODEL_FILE,
    SIGNATURE_FILE,
    ModelVersion,
)
from storage.objects.keys import MODELS, installed_card_key, model_key
from storage.objects.store import ObjectStore
from storage.stored_record import parse_fields

log = logging.getLogger(__name__)

RETIRED = "retired.json"
"""File that marks a version as about to be deleted: no new job gets the version."""
SEEN_S = 60.0
"""How long a process assumes that a version that it has found still exists, seconds."""


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A model version in the registry."""

    version: ModelVersion
    size: int
    """Size of the model, bytes."""
    pushed_at: datetime
    card: dict[str, Any]
    """Model card (JSON); empty if it is unreadable."""


class ModelRegistry:
    """Model versions under `models/`. A version never changes, because it is a hash of the model.

    The card is written last: if it exists, the model exists. Every method raises
    `StoreUnavailable`.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._seen: dict[ModelVersion, float] = {}
        """When each published version was last looked up, monotonic seconds."""
        self.fetched: int = 0
        """Bytes that `fetch` has read so far."""

    def push(
        self,
        folder: Path,
        version: ModelVersion,
        compiled: Path | None = None,
        signature: bytes | None = None,
    ) -> bool:
        """Publish the artifact in a folder, which the caller has checked.

        `compiled` is its `COMPILED_FILE` and `signature` the content of its `SIGNATURE_FILE`. Both
        may also be added to a published version. Returns False if the version was published before;
        a damaged artifact in the store is repaired. Raises `Conflict` if the version has another
        card in the store, and `HashMismatch` if the version does not match the model.
        """
        if self.is_retired(version):
            self.restore(version)
        model, card = folder / MODEL_FILE, (folder / CARD_FILE).read_bytes()
        sha256 = sha256_of_file(model)
        if not sha256.startswith(version.version):
            raise HashMismatch(
                f"{model} has the sha256 {sha256[:12]}…, so it is not {version}. "
                "Write the card of the artifact anew."
            )
        if self.has(version) and (stored := self._card(version)):
            if stored != parse_fields(CARD_FILE, card):
                raise Conflict(
                    f"{version} is in the store already, with another card, and what was "
                    "published is never changed. Train or store the model anew to publish it."
                )
            if self._sha256(version) == sha256:
                self._put_more(version, compiled, signature)
                if signature is not None:
                    # Equal JSON may have other bytes, and the signature is of these bytes.
                    self._store.put(_key(version, CARD_FILE), card, JSON)
                return False
        self._store.put_file(_key(version, MODEL_FILE), model, OCTET_STREAM)
        self._put_more(version, compiled, signature)
        self._store.put(_key(version, CARD_FILE), card, JSON)
        return True

    def push_folder(self, folder: Path, version: ModelVersion) -> bool:
        """Publish the artifact in a folder, with the compiled network and the signature beside it.

        Returns and raises like `push`.
        """
        compiled, signature = folder / COMPILED_FILE, folder / SIGNATURE_FILE
        return self.push(
            folder,
            version,
            compiled if compiled.exists() else None,
            signature.read_bytes() if signature.exists() else None,
        )

    def _put_more(
        self, version: ModelVersion, compiled: Path | None, signature: bytes | None
    ) -> None:
        if compiled is not None:
            self._store.put_file(_key(version, COMPILED_FILE), compiled, OCTET_STREAM)
        if signature is not None:
            self._store.put(_key(version, SIGNATURE_FILE), signature, JSON)

    def has(self, version: ModelVersion) -> bool:
        """Whether jobs may name this version. A positive answer is cached for `SEEN_S`."""
        now = time.monotonic()
        if now - self._seen.get(version, -SEEN_S) < SEEN_S:
            return True
        found = self._store.exists(_key(version, CARD_FILE)) and not self.is_retired(version)
        if found:
            self._seen[version] = now
        return found

    def versions(self) -> list[ModelVersion]:
        """List the versions that jobs may name, ordered by name."""
        files = self._files()
        return [v for v, names in files.items() if CARD_FILE in names and RETIRED not in names]

    def _files(self) -> dict[ModelVersion, set[str]]:
        """The names of the files of each version."""
        found: dict[ModelVersion, set[str]] = {}
        for part in (key.split("/") for key in self._store.keys(MODELS)):
            if len(part) == 4 and (version := ModelVersion.parse(f"{part[1]}@{part[2]}")):
                found.setdefault(version, set()).add(part[3])
        return found

    # Retention

    def older(self, moment: datetime) -> list[ModelVersion]:
        """The versions that were published before `moment`, including retired ones.

        The remains of an interrupted deletion or upload have no card, and are as old as a file.
        """
        files = self._files().items()
        dated = [(one, CARD_FILE if CARD_FILE in names else min(names)) for one, names in files]
        return [one for one, name in dated if self._store.info(_key(one, name)).modified < moment]

    def is_retired(self, version: ModelVersion, before: datetime | None = None) -> bool:
        """Whether a version was retired, or was retired before a moment."""
        try:
            retired = self._store.info(_key(version, RETIRED)).modified
        except ObjectNotFound:
            return False
        return before is None or retired < before

    def retire(self, version: ModelVersion) -> None:
        """Let no new job name this version. Accepted jobs go on with it."""
        self._store.put(_key(version, RETIRED), b"{}", JSON)

    def restore(self, version: ModelVersion) -> None:
        """Let jobs name a retired version again."""
        self._store.delete(_key(version, RETIRED))

    def delete(self, version: ModelVersion) -> None:
        """Delete a version. Its card goes first, because a model without a card does not exist."""
        for name in (CARD_FILE, MODEL_FILE, COMPILED_FILE, SIGNATURE_FILE, RETIRED):
            self._store.delete(_key(version, name))

    def find(self, name: str) -> ModelVersion:
        """Find a model by version or `name@version`, or the last published version by its name.

        Raises `ModelNotFound`, which lists the published versions.
        """
        exact = ModelVersion.parse(name)
        if exact is not None and self.has(exact):
            return exact
        versions = self.versions()
        matching = [version for version in versions if version.matches(name)]
        if not matching:
            raise ModelNotFound(
                f"There is no model {name!r} in the store, which has {join_names(versions)}. "
                "Publish it with `roadmask models push`."
            )
        return matching[0] if len(matching) == 1 else max(matching, key=self._pushed_at)

    def read(self, version: ModelVersion) -> PublishedModel:
        """Read a version with its card. Raises `ModelNotFound`."""
        try:
            facts = self._store.info(_key(version, MODEL_FILE))
            return PublishedModel(
                version, facts.size, self._pushed_at(version), self._card(version)
            )
        except ObjectNotFound:
            raise ModelNotFound(f"There is no model {str(version)!r} in the store.") from None

    def introduce(self, version: ModelVersion, card: bytes, size: int) -> None:
        """Store the card of a version that is installed with a worker, unless the store has it.

        `size` is the size of the model, bytes. With the card, the API can describe the version.
        """
        key = installed_card_key(version.name, version.version)
        if not self._store.exists(key):
            facts = {"card": json.loads(card), "size": size}
            self._store.put(key, json.dumps(facts).encode(), JSON)

    def installed(self, version: ModelVersion) -> dict[str, Any]:
        """Return `card` and `size` of a version that workers have installed; empty if unknown."""
        key = installed_card_key(version.name, version.version)
        try:
            return parse_fields(key, self._store.get(key))
        except (ObjectNotFound, RecordUnreadable):
            return {}

    def check(self, version: ModelVersion) -> None:
        """Verify the bytes of a model in the store. Raises `HashMismatch` for a damaged model."""
        expected = self.read(version).card.get("sha256")
        if self._sha256(version) != expected:
            raise HashMismatch(
                f"The model of {version} in the store is damaged: its bytes do not have the sha256 "
                "of its card. Push the artifact again, which repairs it."
            )

    def fetch(self, version: ModelVersion, folder: Path) -> None:
        """Copy an artifact into a new folder, without verifying it. Raises `ModelNotFound`."""
        folder.mkdir()
        more = (COMPILED_FILE, SIGNATURE_FILE)
        found = [name for name in more if self._store.exists(_key(version, name))]
        names = [MODEL_FILE, CARD_FILE, *found]
        try:
            for name in names:
                with (folder / name).open("wb") as file:
                    for block in self._store.stream(_key(version, name)):
                        file.write(block)
                        self.fetched += len(block)
        except ObjectNotFound:
            raise ModelNotFound(f"There is no model {str(version)!r} in the store.") from None

    def _card(self, version: ModelVersion) -> dict[str, Any]:
        """The card in the store; empty if it cannot be read."""
        key = _key(version, CARD_FILE)
        try:
            return parse_fields(key, self._store.get(key))
        except RecordUnreadable as error:
            log.warning("%s: push the artifact again: %s", version, error.detail)
            return {}

    def _sha256(self, version: ModelVersion) -> str | None:
        try:
            return sha256_of_blocks(self._store.stream(_key(version, MODEL_FILE)))
        except ObjectNotFound:
            return None

    def _pushed_at(self, version: ModelVersion) -> datetime:
        return self._store.info(_key(version, CARD_FILE)).modified


def join_names(names: Iterable[object]) -> str:
    """Join names for a message, sorted."""
    return ", ".join(sorted(map(str, names))) or "none"


def _key(version: ModelVersion, file: str) -> str:
    """The key of a file of a version. Raises `InvalidRequest` for an invalid name in a card."""
    if ModelVersion.parse(str(version)) != version:
        raise InvalidRequest(
            f"The {CARD_FILE} of this model names it {str(version)!r}. Use letters, digits, dot, "
            "dash and underscore alone in its `name`, and begin it with none of `.` and `-`."
        )
    return model_key(version.name, version.version, file)
