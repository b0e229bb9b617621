"""The Python files of the product, and the graph of their imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("roadmask", "storage", "ml", "worker", "api")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    """The dotted name of a file's module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in SOURCES}


@cache
def syntax_tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def import_graph() -> dict[str, set[str]]:
    """The modules that each module imports, in functions too; imports for types alone are not."""
    return {name: set(_imported(syntax_tree(path))) - {name} for name, path in MODULES.items()}


def _imported(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            for statement in node.orelse:
                yield from _imported(statement)
        case ast.Import():
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        case ast.ImportFrom(module=str(module)):
            for alias in node.names:
                submodule = f"{module}.{alias.name}"
                if submodule in MODULES or module in MODULES:
                    yield submodule if submodule in MODULES else module
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _imported(child)
