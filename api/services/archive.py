"""A job's masks as one zip, made while it is sent: neither on disk nor in memory as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Literal

from api.services.renderings import RenderingService
from roadmask.errors import ItemError, NotFound
from roadmask.masks.formats.member_names import MemberNames, member_by_id
from roadmask.schemas.jobs import Item, ItemState, Job, Problem
from roadmask.schemas.mask_formats import MaskFormat

if TYPE_CHECKING:
    from stream_zip import MemberFile

NamesBy = Literal["file", "id"]
"""What the masks of an archive are named by: the custom ids of their items, or the image ids."""

FILE_MODE = 0o644
MAX_LEFT_OUT_BYTES = 2**20
"""What is left out of an archive is in memory up to this size."""
TEXT_SUFFIXES = {".json", ".geojson", ".xml"}


class Archive:
    """The archive of the items from `start` to `stop` (exclusive, by default the end) of a job."""

    def __init__(
        self,
        renderings: RenderingService,
        job: Job,
        items: Callable[[], Iterator[Item]],
        mask_format: MaskFormat,
        names: Iterator[str] | None,
    ) -> None:
        """`items` returns the archive's items; it is called twice. `names` are those of the images,
        or None for an archive by ids."""
        self._renderings = renderings
        self._job = job
        self._items = items
        self._format = mask_format
        self._names = None if names is None else MemberNames(names, mask_format.suffix)

    def blocks(self) -> Iterator[bytes]:
        """The archive in blocks: the finished masks, `results.jsonl`, and `left_out.jsonl` if a
        finished item has no mask in it."""
        # Its cryptography takes a tenth of the API's start, and few clients ask for an archive.
        from stream_zip import stream_zip

        return iter(stream_zip(self._members()))

    def _members(self) -> Iterator[MemberFile]:
        from stream_zip import ZIP_64, ZIP_AUTO

        changed = self._job.finished_at or self._job.created_at
        # Images and NumPy archives are compressed already: level 0 stores them.
        level = 6 if self._format.suffix in TEXT_SUFFIXES else 0
        written: set[int] = set()
        # On disk, because it may be the whole job: its masks are deleted after some time.
        with SpooledTemporaryFile(MAX_LEFT_OUT_BYTES) as left_out:
            for item in self._items():
                # An image that a job has twice under one name has one mask.
                name = self._member(item)
                if item.state is not ItemState.SUCCEEDED or hash(name) in written:
                    continue
                try:
                    data = self._renderings.render_now(self._job.id, item, self._format)
                except (NotFound, ItemError) as error:
                    problem = item.error or Problem.model_validate(error.problem())
                    left_out.write(json_line(item.model_copy(update={"error": problem})))
                    continue
                written.add(hash(name))
                yield name, changed, FILE_MODE, ZIP_AUTO(len(data), level=level), (data,)
            yield "results.jsonl", changed, FILE_MODE, ZIP_64, self._results()
            if left_out.tell():
                left_out.seek(0)
                yield "left_out.jsonl", changed, FILE_MODE, ZIP_64, left_out

    def _member(self, item: Item) -> str:
        if self._names is None:
            return member_by_id(item.image_id, self._format.suffix)
        return self._names.of(item.custom_id or item.image_id, item.image_id, item.index)

    def _results(self) -> Iterator[bytes]:
        if self._names is None:
            # Clients parse these lines as items, and older ones refuse other members.
            yield from map(json_line, self._items())
            return
        for item in self._items():
            line = item.model_dump(mode="json")
            if item.result is not None:
                line["mask"] = self._member(item)
            yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


def json_line(item: Item) -> bytes:
    """The item as a line of JSON."""
    return item.model_dump_json().encode() + b"\n"
