"""Filtered and sorted lists of a job's items: by score, by confidence, by name, and so on."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import InvalidRequest, ItemNotFound
from roadmask.folder.reports.conditions import parse_condition
from roadmask.schemas.jobs import ItemState
from storage.jobs.item_figures import COLUMN, FIGURES, FigureReader, ItemFigures
from storage.name_query import name_matcher

ORDERS = ("index", "name", *FIGURES)
"""Keys by which items can be sorted."""


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """Which items of a job, and in which order."""

    where: str = ""
    """Condition on `FIGURES`; empty for all items."""
    name: str = ""
    """Words that must occur in the name; empty for all items."""
    states: tuple[ItemState, ...] = ()
    """States to list; empty for all."""
    sort: str = "index"
    """One of `ORDERS`, ascending; with a minus before it, descending. Items without that figure are
    left out."""


class ItemList:
    """Selects and orders the items of jobs by their figures."""

    def __init__(self, figures: FigureReader) -> None:
        self._figures = figures

    def select(self, job_id: str, query: ItemQuery) -> NDArray[np.intp]:
        """Return the indices of the items in order, (matches,).

        Raises `JobNotFound`, `ConditionUnclear`, and `InvalidRequest` for an unknown order.
        """
        order = query.sort.removeprefix("-")
        if order not in ORDERS:
            raise InvalidRequest(f"Items are not sorted by {order!r}. Use one of {_listed()}.")
        condition = parse_condition(query.where, FIGURES) if query.where else None
        by_name = bool(query.name) or order == "name"
        figures = self._figures.read(job_id, with_names=by_name)
        kept = np.ones(len(figures.states), np.bool_)
        if query.states:
            kept &= figures.in_state(list(query.states))
        if condition is not None:
            kept &= np.asarray(condition({name: figures.column(name) for name in FIGURES}))
        if query.name:
            matches, names = name_matcher(query.name), figures.names or []
            kept &= np.fromiter(map(matches, names), np.bool_, len(names))
        return _ordered(figures, np.flatnonzero(kept), query.sort)

    def by_name(self, job_id: str, figure: str) -> NDArray[np.float32]:
        """Return one figure of the items that have it, in the order of their names, (items,)."""
        figures = self._figures.read(job_id, with_names=True)
        values = figures.column(figure)
        order = _ordered(figures, np.flatnonzero(~np.isnan(values)), "name")
        sorted_values: NDArray[np.float32] = values[order]
        return sorted_values

    @staticmethod
    def position(selected: NDArray[np.intp], index: int) -> int:
        """Return the position of an item in the result of `select`. Raises `ItemNotFound`."""
        found = np.flatnonzero(selected == index)
        if not len(found):
            raise ItemNotFound(f"Item {index} is not in this list of items.")
        return int(found[0])


def _ordered(figures: ItemFigures, kept: NDArray[np.intp], sort: str) -> NDArray[np.intp]:
    order, is_descending = sort.removeprefix("-"), sort.startswith("-")
    if order == "index":
        return kept[::-1] if is_descending else kept
    if order == "name":
        names = figures.names or []
        indices = kept.tolist()
        indices.sort(key=lambda index: _natural(names[index]), reverse=is_descending)
        return np.array(indices, np.intp)
    values = figures.column(order)[kept]
    known = ~np.isnan(values)
    values, kept = values[known], kept[known]
    return kept[np.argsort(-values if is_descending else values, kind="stable")]


def _natural(name: str) -> list[str | int]:
    """The sort key of a name: `frame_9` comes before `frame_10`."""
    # Every second part is a run of digits, so numbers are only compared with numbers.
    parts: list[str | int] = [*re.split(r"([0-9]+)", name)]
    parts[1::2] = map(int, parts[1::2])
    return parts


def _listed() -> str:
    return f"index, name, {', '.join(COLUMN)}"
