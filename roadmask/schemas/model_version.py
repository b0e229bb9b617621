"""Model versions: published artifacts, written `name@version`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from roadmask.schemas.ids import SEGMENT

MODEL_FILE, CARD_FILE = "model.keras", "card.json"
"""The two files of an artifact, in a folder and in the object store."""
COMPILED_FILE = "openvino-f32.zip"
"""The compiled network of a published artifact, for workers without TensorFlow. It is optional."""

SIGNATURE_FILE = "signature.json"
"""The signature of an artifact. It is optional."""
ARTIFACT_FILES = (MODEL_FILE, CARD_FILE, COMPILED_FILE, SIGNATURE_FILE)
"""The files of an artifact, those first that every one has."""

_NAME = re.compile(rf"(?P<name>{SEGMENT})(@(?P<version>{SEGMENT}))?")


@dataclass(frozen=True, order=True, slots=True)
class ModelVersion:
    """A version of a model."""

    name: str
    version: str
    """The first digits of the sha256 of `model.keras`."""

    @classmethod
    def parse(cls, text: str) -> ModelVersion | None:
        """The version that `name@version` stands for; None for any other text."""
        match = _NAME.fullmatch(text)
        return cls(match["name"], match["version"]) if match and match["version"] else None

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    def matches(self, text: str) -> bool:
        """Whether `text` is the name, the version, or `name@version`."""
        return text in (self.name, self.version, str(self))


def is_model_name(text: str) -> bool:
    """Whether a job may name its model so: by name, by version, or as `name@version`."""
    return _NAME.fullmatch(text) is not None
