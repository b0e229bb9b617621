"""A job's masks as one zip, made while it is sent: neither on disk nor in memory as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from api.backends import Backends
from api.renderings import render_item
from roadmask.errors import ItemError, NotFound
from roadmask.jobs import Item, Job
from roadmask.mask_formats import MaskFormat

if TYPE_CHECKING:
    from stream_zip import MemberFile

MODE = 0o644
TEXTS = {".json", ".geojson", ".xml"}


def zip_masks(
    backends: Backends, job: Job, form: MaskFormat, start: int, stop: int | None
) -> Iterator[bytes]:
    """The archive in blocks: `masks/<image id>.png` of what is finished, and `results.jsonl`.

    The suffix is that of the form; both are of the items from `start` to `stop` (exclusive).
    """
    # Its cryptography takes a tenth of the front's start, and few ask for an archive.
    from stream_zip import stream_zip

    items = partial(backends.records.results, job.id, start, stop)
    return iter(stream_zip(_members(backends, job, form, items)))


def json_lines(items: Iterable[Item]) -> Iterator[bytes]:
    """One line of JSON for each item."""
    for item in items:
        yield item.model_dump_json().encode() + b"\n"


def _members(
    backends: Backends, job: Job, form: MaskFormat, items: Callable[[], Iterator[Item]]
) -> Iterator[MemberFile]:
    from stream_zip import ZIP_64, ZIP_AUTO

    changed = job.finished_at or job.created_at
    # Pictures and NumPy's archives are compressed already: level 0 stores them.
    level = 6 if form.suffix in TEXTS else 0
    written: set[str] = set()
    for item in items():
        # The same image twice in a job has the same mask twice.
        if item.result is None or item.image_id in written:
            continue
        written.add(item.image_id)
        try:
            data = render_item(backends, job.id, item, form)
        except (NotFound, ItemError):
            continue
        method = ZIP_AUTO(len(data), level=level)
        yield f"masks/{item.image_id}{form.suffix}", changed, MODE, method, (data,)
    yield "results.jsonl", changed, MODE, ZIP_64, json_lines(items())
