"""Where the masks of two jobs over the same images differ."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import InvalidRequest, MaskNotFound, NotFound
from roadmask.masks.codec import decode_mask
from roadmask.masks.scores import confusion
from roadmask.masks.taxonomy import CITYSCAPES
from roadmask.schemas.jobs import DisagreementPage, Item, ItemDisagreement
from storage.jobs.manifest import PART, ManifestItem, read_range
from storage.jobs.records import JobRecords
from storage.masks.facts import read_mask
from storage.objects.store import ObjectStore

PAGE_S = 2.0
"""A page ends after about this time, because large masks take a while to compare."""

Sources = Sequence[ManifestItem | None]


class DisagreementService:
    """Compares masks pixel by pixel. It reads and decodes them, so a page is some of a job."""

    def __init__(self, store: ObjectStore, records: JobRecords) -> None:
        self._store = store
        self._records = records

    def page(self, job_id: str, other_id: str, start: int, limit: int) -> DisagreementPage:
        """Compare the items from `start` with those of the same images in another job.

        Items without a mask in both jobs are left out. Raises `JobNotFound`.
        """
        job, other = self._records.read(job_id), self._records.read(other_id)
        end = min(start + limit, job.counts.total)
        places = self._places(
            other_id, other.counts.total, start, self._sources(job_id, start, end)
        )
        counts = np.zeros((len(CITYSCAPES),) * 2, np.int64)
        found: list[ItemDisagreement] = []
        begun, following = time.monotonic(), start
        for item in self._records.iter_items(job_id, start, end):
            following = item.index + 1
            place = places.get(item.index)
            if place is not None and item.result is not None:
                cells = self._compare(item, self._records.item(other_id, place))
                if cells is not None:
                    counts += cells
                    found.append(_disagreement(item, place, cells))
            if time.monotonic() - begun > PAGE_S:
                break
        return DisagreementPage(
            model=job.model,
            other_model=other.model,
            items=found,
            counts=counts.tolist(),
            next=str(following) if following < job.counts.total else None,
        )

    def _compare(self, item: Item, other: Item) -> NDArray[np.int64] | None:
        results = [each.result for each in (item, other) if each.result]
        if len(results) < 2:
            return None
        try:
            one, two = (decode_mask(read_mask(self._store, result)) for result in results)
            return confusion(one, two)
        except (NotFound, MaskNotFound, InvalidRequest):
            return None  # A damaged mask says so where it is shown.

    def _sources(self, job_id: str, start: int, end: int) -> Sources:
        return read_range(self._store, job_id, start, end) if start < end else []

    def _places(self, other_id: str, total: int, start: int, sources: Sources) -> dict[int, int]:
        """The index in the other job of each of these items of the first, if it is there."""
        same = self._sources(other_id, start, min(start + len(sources), total))
        places = {
            index: index
            for index, (one, other) in enumerate(zip(sources, same, strict=False), start)
            if one and other and one.sha256 == other.sha256
        }
        # An image may be in the job more than once.
        missing: defaultdict[str, list[int]] = defaultdict(list)
        for index, one in enumerate(sources, start):
            if one and index not in places:
                missing[one.sha256].append(index)
        for first in range(0, total if missing else 0, PART):
            items = self._sources(other_id, first, min(first + PART, total))
            for place, item in enumerate(items, first):
                if item and item.sha256 in missing:
                    places |= dict.fromkeys(missing[item.sha256], place)
        return places


def _disagreement(item: Item, place: int, cells: NDArray[np.int64]) -> ItemDisagreement:
    share = 1 - float(np.trace(cells)) / max(1, int(cells.sum()))
    return ItemDisagreement(
        index=item.index,
        other_index=place,
        image_id=item.image_id,
        custom_id=item.custom_id,
        share=round(share, 6),
    )
