"""An uploaded image whose bytes are in the object store, before it has an entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from roadmask.images.facts import ImageFacts
from roadmask.schemas.ids import uploaded_id
from roadmask.schemas.images import Image


@dataclass(frozen=True, slots=True)
class UploadedImage:
    """Facts about an uploaded image."""

    sha256: str
    facts: ImageFacts
    size: int
    """Bytes."""
    filename: str | None = None

    def entry(self) -> Image:
        """Make its entry in the catalogue."""
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
