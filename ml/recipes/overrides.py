"""Overrides: fields of a recipe changed on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ml.recipes.recipe import Recipe
from roadmask.errors import InvalidRequest

_RECIPE = TypeAdapter(Recipe)


def apply_overrides(recipe: Recipe, changes: Iterable[str]) -> Recipe:
    """The recipe with some fields changed: `epochs=3`, `crop=[192,256]`, `loss=dice`.

    Raises `InvalidRequest` for an override of another form, an unknown field, or a value of another
    type.
    """
    fields: dict[str, Any] = asdict(recipe)
    for words in changes:
        key, equals, value = words.partition("=")
        if not equals or key not in fields:
            raise InvalidRequest(
                f"{words!r} changes nothing in a recipe. Write key=value, the key being one of "
                f"{', '.join(fields)}."
            )
        try:
            fields[key] = json.loads(value)
        except json.JSONDecodeError:
            fields[key] = value
    try:
        return _RECIPE.validate_python(fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRequest(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from None
