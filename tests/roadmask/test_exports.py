"""The names that `roadmask` exports: the table, the types and the modules agree."""

from __future__ import annotations

import ast
from inspect import getsource

import pytest

import roadmask


def _typed() -> dict[str, str]:
    """The imports of the TYPE_CHECKING block: module by name."""
    block = next(node for node in ast.parse(getsource(roadmask)).body if isinstance(node, ast.If))
    return {
        alias.name: node.module or ""
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_types_and_table_name_the_same_modules() -> None:
    table = {name: f"roadmask.{module}" for name, module in roadmask._MODULES.items()}
    assert _typed() == table | {"errors": "roadmask"}


@pytest.mark.parametrize("name", roadmask.__all__)
def test_each_name_is_what_its_module_calls_so(name: str) -> None:
    found = getattr(roadmask, name)
    module = getattr(found, "__module__", None)
    assert name in dir(roadmask)
    if isinstance(found, type) or callable(found):
        assert module == f"roadmask.{roadmask._MODULES[name]}"


def test_another_name_is_missing() -> None:
    with pytest.raises(AttributeError, match="'roadmask' has no attribute 'Klient'"):
        _ = roadmask.Klient
