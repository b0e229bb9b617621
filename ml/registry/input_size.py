"""Input size: the size at which a network sees an image."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field


class InputSize(BaseModel):
    """A pixel budget at the aspect ratio of the image.

    The size depends on the aspect ratio alone, and both sides are multiples of `multiple`. So the
    number of distinct sizes is small: about 40 with the defaults.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: int = Field(default=131_072, ge=1024)
    """Approximate number of pixels (width times height) that the network sees."""
    multiple: int = Field(default=32, ge=1)
    """Both sides are multiples of this."""
    max_aspect: float = Field(default=4.0, ge=1)
    """Images with a larger aspect ratio are squeezed to this one."""

    def size(self, height: int, width: int) -> tuple[int, int]:
        """The network's (height, width) for an image of that height and width."""
        aspect = min(max(width / height, 1 / self.max_aspect), self.max_aspect)
        return self._side(self.budget / aspect), self._side(self.budget * aspect)

    def scaled(self, scale: float) -> InputSize:
        """The input size of images whose sides are `scale` times as long."""
        return self.model_copy(update={"budget": round(self.budget * scale * scale)})

    def _side(self, square: float) -> int:
        return max(1, round(math.sqrt(square) / self.multiple)) * self.multiple
