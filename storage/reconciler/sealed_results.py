"""The states and sums of a job, as far as its sealed results in the object store have them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from storage.jobs import item_bytes
from storage.jobs.job_file import JobFile
from storage.jobs.results import (
    SEALED,
    SIZE,
    Line,
    chunk_and_round,
    matrix,
    parse_sealed,
    results_prefix,
)
from storage.objects.store import ObjectStore

log = logging.getLogger(__name__)


@dataclass
class SealedResults:
    """Item bytes and sums of the sealed results of a job."""

    items: bytearray
    """One byte per item: its attempts and its state."""
    confusion: NDArray[np.int64] = field(default_factory=lambda: np.zeros((SIZE, SIZE), np.int64))
    succeeded: int = 0
    failed: int = 0
    cached: int = 0
    scored: int = 0

    @classmethod
    def read(cls, store: ObjectStore, file: JobFile) -> SealedResults:
        """Read all sealed results, a chunk at a time, except failures from before a retry."""
        sealed = cls(bytearray(file.total))
        for line in _lines(store, file):
            sealed._add(line)
        return sealed

    def counts(self) -> dict[str, int]:
        """Return the counts as fields of a job's record."""
        names = ("succeeded", "failed", "cached", "scored")
        return {name: getattr(self, name) for name in names}

    def _add(self, line: Line) -> None:
        self.items[line["index"]] = line["byte"]
        if line["byte"] & 15 == item_bytes.FAILED:
            self.failed += 1
            return
        self.succeeded += 1
        self.cached += bool(line["result"].get("cached", False))
        if "confusion" in line:
            self.confusion += matrix(line["confusion"])
            self.scored += 1


def _lines(store: ObjectStore, file: JobFile) -> Iterator[Line]:
    """The last line of each item. An item whose line is damaged counts as not sealed."""
    keys = filter(SEALED.search, store.keys(results_prefix(file.id)))
    for chunk, rounds in groupby(keys, key=lambda key: chunk_and_round(key)[0]):
        first = chunk * file.chunk_size
        indices = range(first, min(first + file.chunk_size, file.total))
        latest: dict[int, Line] = {}
        for key in rounds:
            for line in parse_sealed(store, key)[0]:
                if line["index"] not in indices or not _is_sound(line):
                    log.warning("%s: the line of item %s is wrong", key, line["index"])
                elif "error" in line and chunk_and_round(key)[1] < file.retried:
                    latest.pop(line["index"], None)
                else:
                    latest[line["index"]] = line
        yield from latest.values()


def _is_sound(line: Line) -> bool:
    """Whether the line has an outcome that fits its byte, and a valid confusion matrix if any."""
    outcome = "error" if line["byte"] & 15 == item_bytes.FAILED else "result"
    try:
        matrix(line.get("confusion", {}))
    except (ValueError, TypeError, AttributeError, IndexError, OverflowError):
        return False
    return 0 <= line["byte"] <= 255 and item_bytes.is_final(line["byte"]) and outcome in line


def last_sealed_chunk(store: ObjectStore, job_id: str) -> int:
    """Return the number of the last chunk with sealed results, -1 without any."""
    keys = filter(SEALED.search, store.keys(results_prefix(job_id)))
    return max((chunk_and_round(key)[0] for key in keys), default=-1)
