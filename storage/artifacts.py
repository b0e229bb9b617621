"""Artifacts in the object store: versions of models, each one a model and its card."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from roadmask.errors import Conflict, HashMismatch, ModelNotFound, ObjectNotFound
from roadmask.jobs import SEGMENT
from storage.objects import MODELS, ObjectStore, model_key

MODEL, CARD = "model.keras", "card.json"
NAME = re.compile(rf"(?P<name>{SEGMENT})(@(?P<version>{SEGMENT}))?")
"""What a job may call a model: its name, its version, or `name@version`."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a model; it is the beginning of the model's sha256."""

    name: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """What `name@version` says; None for anything else."""
        match = NAME.fullmatch(text)
        return cls(match["name"], match["version"]) if match and match["version"] else None

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    def is_called(self, name: str) -> bool:
        """Whether its name, its version or both together are `name`."""
        return name in (self.name, self.version, str(self))


@dataclass(frozen=True, slots=True)
class Stored:
    """An artifact in the store."""

    version: Version
    size: int
    """Of the model, bytes."""
    pushed_at: datetime
    card: dict[str, Any]


class Artifacts:
    """Versions of models under `models/`. They are never changed: other bytes, other version.

    The card is written last: where it is, the model is. Every method raises `StoreUnavailable`.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._seen: set[Version] = set()

    def push(self, folder: Path, version: Version) -> bool:
        """Store the artifact of a folder, checked by the caller; False when it is there already.

        A stored model that was damaged is made good. Raises `Conflict` for another card of the
        same version, and `HashMismatch` when the version is not the model's.
        """
        model, card = folder / MODEL, (folder / CARD).read_bytes()
        with model.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if not sha256.startswith(version.version):
            raise HashMismatch(
                f"{model} has the sha256 {sha256[:12]}…, so it is not {version}. "
                "Write the card of the artifact anew."
            )
        if self.has(version):
            if self._store.get(_key(version, CARD)) != card:
                raise Conflict(
                    f"{version} is in the store already, with another card, and what was "
                    "published is never changed. Train or store the model anew to publish it."
                )
            if self._sha256(version) == sha256:
                return False
        self._store.put_file(_key(version, MODEL), model, "application/octet-stream")
        self._store.put(_key(version, CARD), card, "application/json")
        return True

    def has(self, version: Version) -> bool:
        """Whether this version is in the store; what was there once is not asked for again."""
        if version not in self._seen and self._store.exists(_key(version, CARD)):
            self._seen.add(version)
        return version in self._seen

    def versions(self) -> list[Version]:
        """All versions, in the order of their names."""
        parts = (key.split("/") for key in self._store.keys(MODELS))
        return [Version(part[1], part[2]) for part in parts if len(part) == 4 and part[3] == CARD]

    def find(self, name: str) -> Version:
        """A version by itself, by `name@version`, or the one of that name that was pushed last.

        Raises `ModelNotFound`, which names those there are.
        """
        exact = Version.parse(name)
        if exact is not None and self.has(exact):
            return exact
        versions = self.versions()
        called = [version for version in versions if version.is_called(name)]
        if not called:
            raise ModelNotFound(
                f"There is no model {name!r} in the store, which has {listed(versions)}. "
                "Publish it with `roadmask models push`."
            )
        return called[0] if len(called) == 1 else max(called, key=self._pushed_at)

    def read(self, version: Version) -> Stored:
        """A version with its card. Raises `ModelNotFound`."""
        try:
            facts = self._store.info(_key(version, MODEL))
            card = json.loads(self._store.get(_key(version, CARD)))
        except ObjectNotFound:
            raise ModelNotFound(f"There is no model {str(version)!r} in the store.") from None
        return Stored(version, facts.size, self._pushed_at(version), card)

    def check(self, version: Version) -> None:
        """Read the stored model through. Raises `HashMismatch` for a damaged one."""
        expected = self.read(version).card["sha256"]
        if self._sha256(version) != expected:
            raise HashMismatch(
                f"The model of {version} in the store is damaged: its bytes do not have the sha256 "
                "of its card. Push the artifact again, which makes it good."
            )

    def fetch(self, version: Version, folder: Path) -> None:
        """Copy an artifact into a new folder, unchecked. Raises `ModelNotFound`."""
        folder.mkdir()
        try:
            for name in (MODEL, CARD):
                with (folder / name).open("wb") as file:
                    file.writelines(self._store.stream(_key(version, name)))
        except ObjectNotFound:
            raise ModelNotFound(f"There is no model {str(version)!r} in the store.") from None

    def _sha256(self, version: Version) -> str | None:
        digest = hashlib.sha256()
        try:
            for block in self._store.stream(_key(version, MODEL)):
                digest.update(block)
        except ObjectNotFound:
            return None
        return digest.hexdigest()

    def _pushed_at(self, version: Version) -> datetime:
        return self._store.info(_key(version, CARD)).modified


def listed(names: Iterable[object]) -> str:
    """Names for people, in order."""
    return ", ".join(sorted(map(str, names))) or "none"


def _key(version: Version, file: str) -> str:
    return model_key(version.name, version.version, file)
