"""Listing: which samples an epoch is made of, when their folders may still grow."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml.data.samples import annotated_samples, read_pair
from roadmask.errors import InvalidRequest, RoadmaskError
from roadmask.folders import Sample

_TRIED = 100
"""So many unreadable samples, and nothing else, make a broken data set."""


class Listing:
    """The annotated samples of several folders; a folder named twice counts twice.

    They are looked for when an epoch begins: what has arrived by then is learnt from. The length
    is that of the first look, since a run's schedule needs epochs of one length: in a folder that
    grew, an epoch is a random draw of that many. `record`, a file in the run's folder, keeps
    the length and the list of the latest epoch, so that an interrupted epoch goes on as it began.
    """

    def __init__(self, folders: Sequence[Path], record: Path | None = None) -> None:
        self._folders = folders
        self._record = record
        self._noted: dict[str, Any] = {"length": 0, "epoch": 0, "names": []}
        if record is not None and record.exists():
            self._noted = json.loads(record.read_text(encoding="utf-8"))
        else:
            self._noted["length"] = sum(_check(folder) for folder in folders)

    def __len__(self) -> int:
        """Samples when the run began."""
        return int(self._noted["length"])

    def at(self, epoch: int) -> list[Sample]:
        """The samples of that epoch: those that are there now, or when it was begun before.

        Raises `InvalidRequest` when a folder has none any more.
        """
        found = {
            f"{number}/{sample.image.relative_to(folder).as_posix()}": sample
            for number, folder in enumerate(self._folders)
            for sample in annotated_samples(folder)
        }
        if epoch == self._noted["epoch"]:
            return [found[name] for name in self._noted["names"] if name in found]
        self._noted |= {"epoch": epoch, "names": list(found)}
        if self._record is not None:
            draft = self._record.with_suffix(".draft")
            draft.write_text(json.dumps(self._noted), encoding="utf-8")
            os.replace(draft, self._record)
        return list(found.values())


def _check(folder: Path) -> int:
    """The number of samples of a folder. Raises `InvalidRequest` when none seems to be readable."""
    samples = annotated_samples(folder)
    problems = []
    for sample in samples[:: max(1, len(samples) // _TRIED)]:
        try:
            read_pair(sample)
        except RoadmaskError as error:
            problems.append(error.detail)
        else:
            return len(samples)
    raise InvalidRequest(
        f"None of {len(problems)} samples of {folder} could be read. The first: {problems[0]}"
    )
