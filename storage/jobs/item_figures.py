"""Figures of a job's items as columns, so that items are filtered and sorted without reading them.

The columns of the last requested jobs stay in memory. A further request reads only the items that
have ended since. For 100,000 items the first request takes 8 MB and some seconds, later ones take
milliseconds.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from redis import Redis

from roadmask.errors import JobNotFound
from roadmask.masks.scores import accuracy, iou_per_category, mean_iou
from roadmask.masks.taxonomy import CITYSCAPES
from roadmask.schemas.jobs import OPEN_STATES, ItemState
from storage.jobs import item_bytes
from storage.jobs.keys import items_key, job_key
from storage.jobs.manifest import PART, read_range
from storage.jobs.results import Line, Results
from storage.objects.store import ObjectStore
from storage.redis_text import text

SIZE = len(CITYSCAPES)
REAL = [CITYSCAPES.names[index] for index in CITYSCAPES.real]
FIGURES = (*CITYSCAPES.names, *(f"{name}.iou" for name in REAL), "iou", "accuracy", "confidence")
"""Names of the figures: shares, IoU of each category, mean IoU, accuracy, mean confidence."""
COLUMN = {name: at for at, name in enumerate(FIGURES)}
"""Index of the column of each figure."""
MAX_JOBS, MAX_BYTES = 64, 32 * 2**20
"""Limits of the jobs whose columns stay in memory, and of their total size. The columns of the last
job stay, whatever their size."""
NAME_BYTES = 100
"""Estimated size of one name, as a Python object in a list."""
NOT_READ = 255
"""Item byte of an item whose figures were not read. No item has this byte."""


@dataclass(slots=True)
class ItemFigures:
    """The items of one job, one row for each item. Unknown figures are NaN."""

    is_open: bool
    """Whether the job has not ended."""
    states: NDArray[np.uint8]
    """Item bytes as they are now, uint8 (items,)."""
    values: NDArray[np.float32]
    """Figures, float32 (items, `FIGURES`), 0 to 1."""
    read: NDArray[np.uint8]
    """Item bytes as they were when the figures were read, uint8 (items,)."""
    names: list[str] | None = None
    """The `custom_id` of each item, or else its image id; None until they are needed."""

    @property
    def size(self) -> int:
        """Bytes in memory."""
        arrays = self.states.nbytes + self.values.nbytes + self.read.nbytes
        return arrays + NAME_BYTES * len(self.names or ())

    def column(self, name: str) -> NDArray[np.float32]:
        """One figure of all items, float32 (items,)."""
        column: NDArray[np.float32] = self.values[:, COLUMN[name]]
        return column

    def in_state(self, states: list[ItemState]) -> NDArray[np.bool_]:
        """Which items are in one of these states, bool (items,)."""
        kept = np.zeros(len(self.states), np.bool_)
        kept[item_bytes.matching(self.states.tobytes(), states, self.is_open)] = True
        return kept


class FigureReader:
    """Reads the figures of jobs, and keeps those of the last ones."""

    def __init__(self, redis: Redis, store: ObjectStore, results: Results) -> None:
        self._redis: Any = redis
        self._store = store
        self._results = results
        self._jobs: OrderedDict[str, ItemFigures] = OrderedDict()
        self._lock = Lock()

    def read(self, job_id: str, *, with_names: bool = False) -> ItemFigures:
        """Return the figures of a job as they are now. Raises `JobNotFound`."""
        state, size = self._redis.hmget(job_key(job_id), ["state", "chunk_size"])
        data = self._redis.get(items_key(job_id))
        if state is None or size is None or data is None:
            raise JobNotFound(f"There is no job {job_id!r}. Check the id.")
        now = np.frombuffer(data, np.uint8)
        # One reader at a time, because two would read the same results.
        with self._lock:
            figures = self._jobs.get(job_id) or _no_figures(len(now))
            figures.is_open, figures.states = text(state) in OPEN_STATES, now
            self._update(job_id, figures, int(size))
            if with_names and figures.names is None:
                figures.names = self._names(job_id, len(now))
            self._jobs[job_id] = figures
            self._jobs.move_to_end(job_id)
            size = sum(kept.size for kept in self._jobs.values())
            while len(self._jobs) > (MAX_JOBS if size <= MAX_BYTES else 1):
                _, dropped = self._jobs.popitem(last=False)
                size -= dropped.size
        return figures

    def _update(self, job_id: str, figures: ItemFigures, chunk_size: int) -> None:
        now = figures.states
        changed = np.flatnonzero(now != figures.read)
        figures.values[changed] = np.nan
        # A result that cannot be read now, because of an outage or because its chunk is being
        # sealed, is read the next time.
        figures.read[changed] = NOT_READ
        has_result = now[changed] & 15 == item_bytes.SUCCEEDED
        without = changed[~has_result]
        figures.read[without] = now[without]
        ended = changed[has_result]
        for start in range(0, len(ended), PART):
            indices = ended[start : start + PART].tolist()
            lines = self._results.read(job_id, indices, chunk_size)
            _fill(figures.values, lines)
            found = list(lines)
            figures.read[found] = now[found]

    def _names(self, job_id: str, total: int) -> list[str]:
        names: list[str] = []
        for start in range(0, total, PART):
            items = read_range(self._store, job_id, start, min(start + PART, total))
            names += [(item.custom_id or item.image) if item else "" for item in items]
        return names


def _no_figures(total: int) -> ItemFigures:
    return ItemFigures(
        is_open=True,
        states=np.full(total, NOT_READ, np.uint8),
        values=np.full((total, len(FIGURES)), np.nan, np.float32),
        read=np.full(total, NOT_READ, np.uint8),
    )


def _fill(values: NDArray[np.float32], lines: dict[int, Line]) -> None:
    """Fill in the rows of these results."""
    counts = np.zeros((len(lines), SIZE * SIZE), np.int64)
    for at, (index, line) in enumerate(lines.items()):
        try:
            result = line["result"]
            shares = result["shares"]
            values[index, :SIZE] = [shares.get(name, 0.0) for name in CITYSCAPES.names]
            values[index, COLUMN["confidence"]] = result.get("confidence") or np.nan
            if cells := line.get("confusion"):
                counts[at, [int(cell) for cell in cells]] = list(cells.values())
        except (ValueError, TypeError, AttributeError, LookupError):
            continue  # `ItemReader` reports that the stored result cannot be read.
    rows = list(lines)
    square = counts.reshape(-1, SIZE, SIZE)
    values[rows, SIZE : SIZE + len(REAL)] = iou_per_category(square)
    values[rows, COLUMN["iou"]] = mean_iou(square)
    values[rows, COLUMN["accuracy"]] = accuracy(square)
