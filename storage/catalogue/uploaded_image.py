"""An uploaded image, whose bytes the object store has, before it has an entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from roadmask.images.facts import ImageFacts
from roadmask.schemas.ids import uploaded_id
from roadmask.schemas.images import Image


@dataclass(frozen=True, slots=True)
class UploadedImage:
    """What is known of an uploaded image: `size` is in bytes."""

    sha256: str
    facts: ImageFacts
    size: int
    filename: str | None = None

    def entry(self) -> Image:
        """Its entry in the catalogue, made now."""
        return Image(
            id=uploaded_id(self.sha256),
            sha256=self.sha256,
            bytes=self.size,
            format=self.facts.format,
            width=self.facts.width,
            height=self.facts.height,
            channels=self.facts.channels,
            bit_depth=self.facts.bit_depth,
            filename=self.filename,
            created_at=datetime.now(UTC),
        )
