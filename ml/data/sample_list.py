"""Sample list: the samples of each epoch, from folders that may grow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.data.data_source import DataSource
from ml.data.samples import annotated_samples, read_pair
from roadmask.atomic import replacing
from roadmask.errors import InvalidRequest, RoadmaskError
from roadmask.images.layouts import Sample

_TRIED = 100
"""A folder is refused if this number of its samples, and no other, was tried and is unreadable."""


class SampleList:
    """The annotated samples of several sources, each as often as its weight says.

    The folders are listed when an epoch begins, so new samples are used from the next epoch. The
    length stays the one of the first listing, because the learning rate schedule needs epochs of
    one length. In a folder that grew, an epoch is a random draw of that length. The file `record`
    in the run's folder keeps the length and the list of the latest epoch, so an interrupted epoch
    resumes unchanged.
    """

    def __init__(self, sources: Sequence[DataSource], record: Path | None = None) -> None:
        self._sources = sources
        self._record = record
        self._noted: dict[str, Any] = {"length": 0, "epoch": 0, "names": []}
        if record is not None and record.exists():
            self._noted = json.loads(record.read_text(encoding="utf-8"))
        else:
            self._noted["length"] = sum(round(source.weight * _check(source)) for source in sources)

    def __len__(self) -> int:
        """Number of samples when the run began."""
        return int(self._noted["length"])

    def at(self, epoch: int) -> list[Sample]:
        """The samples of an epoch: those of its start.

        Raises `InvalidRequest` if a folder has no samples left.
        """
        found = {
            f"{number}/{copy}/{sample.image.relative_to(source.folder).as_posix()}": sample
            for number, source in enumerate(self._sources)
            for copy, sample in _draw(source, np.random.default_rng([number, epoch]))
        }
        if epoch == self._noted["epoch"]:
            return [found[name] for name in self._noted["names"] if name in found]
        self._noted |= {"epoch": epoch, "names": list(found)}
        if self._record is not None:
            with replacing(self._record) as draft:
                draft.write_text(json.dumps(self._noted), encoding="utf-8")
        return list(found.values())


def _draw(source: DataSource, random: np.random.Generator) -> Iterator[tuple[int, Sample]]:
    """The samples of a source in one epoch, each with the number of the copy."""
    samples = annotated_samples(source.folder, source.reading)
    whole = int(source.weight)
    for copy in range(whole):
        yield from ((copy, sample) for sample in samples)
    rest = round((source.weight - whole) * len(samples))
    drawn = sorted(random.permutation(len(samples))[:rest].tolist())
    yield from ((whole, samples[index]) for index in drawn)


def _check(source: DataSource) -> int:
    """The number of samples of a folder. Raises `InvalidRequest` if none is readable."""
    samples = annotated_samples(source.folder, source.reading)
    problems = []
    for sample in samples[:: max(1, len(samples) // _TRIED)]:
        try:
            read_pair(sample)
        except RoadmaskError as error:
            problems.append(error.detail)
        else:
            return len(samples)
    raise InvalidRequest(
        f"None of {len(problems)} samples of {source.folder} could be read. The first: "
        f"{problems[0]}"
    )
