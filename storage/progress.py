"""Progress: how far a job had come, from what was sealed in the object store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from storage import item_bytes
from storage.job_files import JobFile
from storage.objects import ObjectStore
from storage.results import SIZE, Line, matrix, results_prefix, sealed_place


@dataclass
class Progress:
    """States and sums of the sealed results of a job."""

    items: bytearray
    """One byte per item: attempts and state."""
    confusion: NDArray[np.int64] = field(default_factory=lambda: np.zeros((SIZE, SIZE), np.int64))
    succeeded: int = 0
    failed: int = 0
    cached: int = 0
    scored: int = 0

    @classmethod
    def read(cls, store: ObjectStore, file: JobFile) -> Progress:
        """Read all that was sealed, a chunk at a time, but failures from before a retry."""
        progress = cls(bytearray(file.total))
        for line in _sealed(store, file):
            progress._add(line)
        return progress

    def record(self) -> dict[str, int]:
        """The counts, as they are in a job's record."""
        names = ("succeeded", "failed", "cached", "scored")
        return {name: getattr(self, name) for name in names}

    def _add(self, line: Line) -> None:
        self.items[line["index"]] = line["byte"]
        if line["byte"] & 15 == item_bytes.FAILED:
            self.failed += 1
            return
        self.succeeded += 1
        self.cached += line["result"].get("cached", False)
        if "confusion" in line:
            self.scored += 1
            self.confusion += matrix(line["confusion"])


def _sealed(store: ObjectStore, file: JobFile) -> Iterator[Line]:
    keys = store.keys(results_prefix(file.id))
    for _, rounds in groupby(keys, key=lambda key: sealed_place(key)[0]):
        latest: dict[int, Line] = {}
        for key in rounds:
            for line in map(json.loads, store.get(key).splitlines()):
                if "error" in line and sealed_place(key)[1] < file.retried:
                    latest.pop(line["index"], None)
                else:
                    latest[line["index"]] = line
        yield from latest.values()
