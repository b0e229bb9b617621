"""The names of the members of JSON objects.

If an object has two members of the same name, some parsers take the first and others the last. A
proxy could then check another value than the service uses, so such requests are refused.
"""

from __future__ import annotations

import json
from typing import Any

from roadmask.shown import shown


def check_members(text: str) -> None:
    """Raise `ValueError` if an object in this valid JSON has two members of the same name."""
    _DECODER.decode(text)


def _check_names(members: list[tuple[str, Any]]) -> None:
    names: set[str] = set()
    for name, _ in members:
        if name in names:
            raise ValueError(f"an object has the member {shown(name[:80])!r} twice")
        names.add(name)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_check_names, parse_int=len, parse_float=len, strict=False
)
"""Numbers are not converted: Python refuses some long ones."""
