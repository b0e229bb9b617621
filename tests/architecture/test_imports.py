"""Imports go one way: no file imports another that leads back to it."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from tests.architecture.sources import import_graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Circles of the graph: after each one found, the import that closes it is left out."""
    graph = {name: set(imported) for name, imported in graph.items()}
    found: list[list[str]] = []
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            # Each module of the list is imported by the next one.
            circle: list[str] = error.args[1]
            graph[circle[1]].discard(circle[0])
            found.append(circle[::-1])
        else:
            return found


def test_circles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}}
    assert sorted(sorted(set(circle)) for circle in circles(graph)) == [["a", "b", "c"], ["d", "e"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_files_import_each_other_in_a_circle() -> None:
    lines = [" -> ".join(circle) for circle in circles(import_graph())]
    assert not lines, "\n" + "\n".join(lines)
