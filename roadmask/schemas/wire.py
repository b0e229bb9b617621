"""The bases of all schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from roadmask.errors import InvalidRequest

Model = TypeVar("Model", bound=BaseModel)

VERSION_HEADER = "Roadmask-Version"
"""Header of every answer: the version of the service."""
ITEM_HEADER = "Roadmask-Item"
"""Header of an answer that is a mask: its item, as JSON in ASCII."""


class Wire(BaseModel):
    """Base of every schema. Unknown members are ignored, so that a client works with a newer
    service."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore")


class Request(Wire):
    """Base of what a client sends. Unknown members are refused, so that a typing error is told."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


class Page(Wire):
    """Base of every page of a listing; the cursor `next` is null on the last page."""

    next: str | None = None


def requested(model: type[Model], members: Mapping[str, Any]) -> Model:
    """What a caller gives, as a schema. Raises `InvalidRequest`, as the service would."""
    try:
        return model.model_validate(members)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidRequest(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
