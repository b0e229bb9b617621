"""Artifact: a trained network as a folder with `model.keras` and `card.json`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError

from ml.registry.card import Card
from roadmask.atomic import write_atomically
from roadmask.errors import Conflict, HashMismatch, ModelNotFound
from roadmask.hashing import sha256_of_file
from roadmask.masks.taxonomy import CITYSCAPES, Taxonomy
from roadmask.schemas.model_version import (
    CARD_FILE,
    COMPILED_FILE,
    MODEL_FILE,
    SIGNATURE_FILE,
    ModelVersion,
)

SHIPPED = Path(__file__).parents[1] / "weights"
"""The shipped artifacts, and `default`, a file that names one of them."""


@dataclass(frozen=True)
class Artifact:
    """A model on disk. Its bytes match the hash in its card."""

    path: Path
    card: Card

    @classmethod
    def load(cls, folder: Path) -> Artifact:
        """The artifact in a folder.

        Raises `ModelNotFound` when there is none, and `HashMismatch` when `model.keras` is not the
        file that the card describes.
        """
        try:
            card = Card.model_validate_json((folder / CARD_FILE).read_bytes())
            actual = sha256_of_file(folder / MODEL_FILE)
        except FileNotFoundError as error:
            raise ModelNotFound(
                f"{folder} is not an artifact: it has no {Path(error.filename).name}."
            ) from None
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "its text"
            raise ModelNotFound(
                f"{folder / CARD_FILE} is not a card of this version ({place}: {first['msg']}). "
                "Copy the folder again, or read it with the version that wrote it."
            ) from None
        if actual != card.sha256:
            raise HashMismatch(
                f"{folder / MODEL_FILE} has sha256 {actual[:12]}…, but its card says "
                f"{card.sha256[:12]}…: the file is damaged or was replaced. Copy the folder again."
            )
        return cls(folder, card)

    @property
    def model_version(self) -> ModelVersion:
        return self.card.model_version

    @property
    def sha256(self) -> str:
        """The sha256 of `model.keras`, hex."""
        return self.card.sha256

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """The taxonomy of the masks."""
        return self.card.categories.taxonomy()

    @property
    def answers(self) -> tuple[int, ...]:
        """The category indices that its masks can hold."""
        if self.card.categories.void_is_an_answer:
            return tuple(range(len(self.taxonomy)))
        return self.taxonomy.real

    def load_model(self) -> Any:
        """The Keras model: uint8 RGB (B, H, W, 3) to float32 logits (B, H, W, categories)."""
        # Keras takes seconds to load: not for a look at a card.
        from ml.registry.model_file import read_model

        return read_model(self.path / MODEL_FILE)


def shipped() -> list[Card]:
    """The cards of the shipped artifacts, sorted by name."""
    cards = sorted(SHIPPED.glob(f"*/{CARD_FILE}"))
    return [Card.model_validate_json(card.read_bytes()) for card in cards]


def find_artifact(name: str | Path) -> Artifact:
    """An artifact by folder, or a shipped one by name, version, `name@version` or `default`.

    Raises `ModelNotFound`, which names the shipped ones.
    """
    cards = shipped()
    wanted = (SHIPPED / "default").read_text().strip() if str(name) == "default" else str(name)
    for card in cards:
        if card.model_version.matches(wanted):
            return Artifact.load(SHIPPED / card.name)
    if Path(name).is_dir():
        return Artifact.load(Path(name))
    names = ", ".join(str(card.model_version) for card in cards)
    raise ModelNotFound(
        f"There is no model {str(name)!r}; choose from default, {names} (the name alone or the "
        f"version alone will do), or name a folder with {MODEL_FILE} and {CARD_FILE}."
    )


def find_comparable(name: str | Path) -> Artifact:
    """As `find_artifact`, for masks that meet others: annotated masks, and those of the service.

    Raises also what `check_categories` raises.
    """
    found = find_artifact(name)
    check_categories(found)
    return found


def check_categories(artifact: Artifact) -> None:
    """Raise `Conflict` unless the model's categories are those of all other masks.

    Otherwise its masks would be stored, counted and exported under the names of others.
    """
    found = artifact.taxonomy
    if (found.names, found.void) != (CITYSCAPES.names, CITYSCAPES.void):
        raise Conflict(
            f"{artifact.model_version} has the categories {', '.join(found.names)}; masks of the "
            f"service and annotated masks have {', '.join(CITYSCAPES.names)}. Train the model on "
            "these categories."
        )


def write_card(folder: Path, card: Card) -> Artifact:
    """Write the card of an artifact. The folder is complete then."""
    write_atomically(folder / CARD_FILE, [card.model_dump_json(indent=2).encode(), b"\n"])
    return Artifact.load(folder)


@contextmanager
def replacing_artifact(folder: Path) -> Iterator[Path]:
    """A folder for a model and its card, which then take the place of those in `folder`.

    Measuring a model for its card takes minutes, and until then the artifact there is the former
    one. If the block raises, it stays. The compiled network and the signature of the former model
    go with it; what else is in `folder` stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", suffix=".part", dir=folder) as draft:
        yield Path(draft)
        for name in (COMPILED_FILE, SIGNATURE_FILE):
            (folder / name).unlink(missing_ok=True)
        for name in (MODEL_FILE, CARD_FILE):
            os.replace(Path(draft, name), folder / name)
