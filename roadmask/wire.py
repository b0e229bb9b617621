"""What goes over the wire: the base of every schema."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Wire(BaseModel):
    """Base of what goes over the wire: unknown members are refused."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


class Page(Wire):
    """What every listing has: the `next` cursor is null on the last page."""

    next: str | None = None
