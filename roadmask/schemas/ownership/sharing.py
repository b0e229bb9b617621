"""Sharing: which other keys may read a job or a dataset."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, StringConstraints

from roadmask.schemas.ids import KEY_ID, path_part
from roadmask.schemas.wire import Wire

SharedKind = Literal["job", "dataset"]
"""What can be shared."""
KeyId = Annotated[str, StringConstraints(pattern=KEY_ID)]
"""The id of an API key: the 12 characters after `rm_`."""
MAX_KEYS = 100


class Sharing(Wire):
    """Who may read a job or a dataset, beside its owner and admin keys."""

    everyone: bool = False
    """Every key of the service."""
    keys: list[KeyId] = Field(default_factory=list, max_length=MAX_KEYS)
    """Ids of keys."""


class SharingChange(Sharing):
    """What a client sends. It replaces the sharing so far."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


def sharing_path(kind: SharedKind, name: str) -> str:
    """The path of the sharing of a job or a dataset. Raises `InvalidId`."""
    return f"/v1/{kind}s/{path_part(name)}/sharing"
