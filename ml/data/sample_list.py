"""Sample list: the samples of each epoch, from folders that may grow."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.data.data_source import DataSource
from ml.data.samples import annotated_samples, read_pair
from roadmask.atomic import replacing
from roadmask.errors import InvalidRequest, RoadmaskError
from roadmask.images.layouts import Sample

_log = logging.getLogger(__name__)

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
        self._latest: dict[int, list[Sample]] = {}
        """The last listing of each source."""
        self._noted: dict[str, Any] = {"length": 0, "epoch": 0, "names": []}
        if record is not None and record.exists():
            self._noted = _read_record(record)
        else:
            self._noted["length"] = sum(round(source.weight * _check(source)) for source in sources)

    def __len__(self) -> int:
        """Number of samples when the run began."""
        return int(self._noted["length"])

    def at(self, epoch: int) -> list[Sample]:
        """The samples of an epoch: those of its start.

        Raises `InvalidRequest` if a folder has no samples left.
        """
        listed = [self._listed(number, source) for number, source in enumerate(self._sources)]
        # Without any of them, as in a folder that was filled anew, the epoch has another list.
        if epoch == self._noted["epoch"] and (noted := self._noted_of(listed)):
            return noted
        found = {
            self._name(number, copy, sample): sample
            for number, source in enumerate(self._sources)
            for copy, sample in _draw(
                source, listed[number], np.random.default_rng([number, epoch])
            )
        }
        self._noted |= {"epoch": epoch, "names": list(found)}
        if self._record is not None:
            with replacing(self._record, fsync=True) as draft:
                draft.write_text(json.dumps(self._noted), encoding="utf-8")
        return list(found.values())

    def _noted_of(self, listed: Sequence[Sequence[Sample]]) -> list[Sample]:
        """The samples of the noted epoch that are still there. A draw from a folder that has grown
        would give others.
        """
        known = {
            self._name(number, copy, sample): sample
            for number, source in enumerate(self._sources)
            for copy in range(math.ceil(source.weight))
            for sample in listed[number]
        }
        return [known[name] for name in self._noted["names"] if name in known]

    def _name(self, number: int, copy: int, sample: Sample) -> str:
        image = sample.image.relative_to(self._sources[number].folder)
        return f"{number}/{copy}/{image.as_posix()}"

    def _listed(self, number: int, source: DataSource) -> list[Sample]:
        """The samples of a source now.

        A mask that arrived may make the labels of its whole folder unclear: then the run goes on
        with those samples of the listing before that are still there.
        """
        try:
            self._latest[number] = annotated_samples(source.folder, source.reading)
        except InvalidRequest as error:
            kept = [each for each in self._latest.get(number, []) if each.image.exists()]
            if not kept:
                raise
            _log.warning("New samples of %s are not used. %s", source.folder, error.detail)
            return kept
        return self._latest[number]


def _read_record(path: Path) -> dict[str, Any]:
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        return {"length": int(noted["length"]), "epoch": noted["epoch"], "names": noted["names"]}
    except (ValueError, KeyError, TypeError):
        raise InvalidRequest(
            f"{path} is damaged, and with it the order of the samples is lost. Choose another "
            "folder for the run, or delete this one to begin anew."
        ) from None


def _draw(
    source: DataSource, samples: Sequence[Sample], random: np.random.Generator
) -> Iterator[tuple[int, Sample]]:
    """The samples of a source in one epoch, each with the number of the copy."""
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
