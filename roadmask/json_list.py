"""Settings that are lists: JSON in a variable or a file."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator
from pydantic_core import from_json
from pydantic_settings import NoDecode

T = TypeVar("T")


def _decode(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return from_json(value)
    except ValueError:
        raise ValueError('it is not a list in JSON, such as ["a", "b"]') from None


# Pydantic's own decoder fails on brackets that are nested too deep, and its error names no setting.
JsonList = Annotated[list[T], NoDecode, BeforeValidator(_decode)]
"""A list that may be given as JSON."""
