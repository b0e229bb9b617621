"""Artifact: a version of a model as a folder of `model.keras` and `card.json`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ml.card import Card
from roadmask.categories import Taxonomy
from roadmask.errors import HashMismatch, ModelNotFound

SHIPPED = Path(__file__).parent / "artifacts"
"""Artifacts that come with Roadmask, and `default`, a file with the name of one of them."""

MODEL, CARD = "model.keras", "card.json"


@dataclass(frozen=True)
class Artifact:
    """A model on disk whose bytes are the ones its card was written for."""

    path: Path
    card: Card

    @classmethod
    def load(cls, folder: Path) -> Artifact:
        """The artifact in a folder.

        Raises `ModelNotFound` when there is none, and `HashMismatch` when `model.keras` is not the
        file that the card describes.
        """
        try:
            card = Card.model_validate_json((folder / CARD).read_bytes())
            actual = hashlib.sha256((folder / MODEL).read_bytes()).hexdigest()
        except FileNotFoundError as error:
            raise ModelNotFound(
                f"{folder} is not an artifact: it has no {Path(error.filename).name}."
            ) from None
        except ValidationError as error:
            raise ModelNotFound(f"{folder / CARD} is not a card of this version: {error}") from None
        if actual != card.sha256:
            raise HashMismatch(
                f"{folder / MODEL} has sha256 {actual[:12]}…, but its card says "
                f"{card.sha256[:12]}…: the file is damaged or was replaced. Copy the folder again."
            )
        return cls(folder, card)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.card.name

    @property
    def version(self) -> str:
        """The first 12 digits of `sha256`."""
        return self.card.version

    @property
    def sha256(self) -> str:
        """Of `model.keras`, hex."""
        return self.card.sha256

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """What the masks' numbers mean."""
        return self.card.categories.taxonomy()

    @property
    def answers(self) -> tuple[int, ...]:
        """The categories that its masks may hold."""
        if self.card.categories.void_is_an_answer:
            return tuple(range(len(self.taxonomy)))
        return self.taxonomy.real

    def load_model(self) -> Any:
        """The Keras model: uint8 RGB (B, H, W, 3) to float32 logits (B, H, W, categories)."""
        # Keras takes seconds to load: not for a look at a card.
        from ml.model_file import read_model

        return read_model(self.path / MODEL)


def shipped() -> list[Card]:
    """The cards of the artifacts that come with Roadmask, in the order of their names."""
    cards = sorted(SHIPPED.glob(f"*/{CARD}"))
    return [Card.model_validate_json(card.read_bytes()) for card in cards]


def find_artifact(name: str | Path) -> Artifact:
    """An artifact by folder, or a shipped one by name, version, `name@version` or `default`.

    Raises `ModelNotFound`, which names the shipped ones.
    """
    cards = shipped()
    known = (SHIPPED / "default").read_text().strip() if str(name) == "default" else str(name)
    for card in cards:
        if known in (card.name, card.version, f"{card.name}@{card.version}"):
            return Artifact.load(SHIPPED / card.name)
    if Path(name).is_dir():
        return Artifact.load(Path(name))
    names = ", ".join(f"{card.name}@{card.version}" for card in cards)
    raise ModelNotFound(
        f"There is no model {str(name)!r}; choose from default, {names} (the name alone or the "
        f"version alone will do), or name a folder with {MODEL} and {CARD}."
    )


def write_card(folder: Path, card: Card) -> Artifact:
    """Complete an artifact's folder with its card."""
    (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n")
    return Artifact.load(folder)
