"""Reads the items of a job: states from Redis, results from Redis or the object store."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from redis import Redis

from roadmask.errors import InvalidRequest, JobNotFound, ResultUnreadable
from roadmask.schemas.jobs import OPEN_STATES, Item, ItemPage, ItemState, Problem, Result
from storage.connections import records_guard
from storage.jobs import item_bytes
from storage.jobs.keys import items_key, job_key
from storage.jobs.manifest import PART, UNKNOWN_IMAGE, read_items
from storage.jobs.results import Line, Results, decode_error, decode_result
from storage.objects.store import ObjectStore
from storage.redis_text import text

WINDOW = 1 << 16
"""Item bytes in one read of a search for items in given states."""


class ItemReader:
    """Reads the items of a job, one page in memory at once."""

    def __init__(self, redis: Redis, store: ObjectStore, results: Results) -> None:
        self._redis = redis
        self._store = store
        self._results = results

    def page(
        self, job_id: str, cursor: str | None, limit: int, states: Collection[ItemState] | None
    ) -> ItemPage:
        """Return up to `limit` items of the given states, from `cursor` (an index) on."""
        if cursor is not None and not re.fullmatch(r"\d{1,16}", cursor, re.ASCII):
            raise InvalidRequest(f"{cursor[:40]!r} is not a cursor. Use `next` of the last page.")
        start, wanted = int(cursor or 0), limit + 1
        window = WINDOW if states is not None else wanted
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hmget(job_key(job_id), ["state", "total", "chunk_size"])
            pipe.getrange(items_key(job_id), start, start + window - 1)
            (state, total, size), data = pipe.execute()
        if state is None or total is None or size is None:
            raise JobNotFound(f"There is no job {job_id!r}. Check the id.")
        is_open = text(state) in OPEN_STATES
        found: list[tuple[int, int]] = []
        while start < int(total) and data:
            hits = item_bytes.matching(data, states, is_open)[: wanted - len(found)]
            found += [(start + int(hit), data[hit]) for hit in hits]
            start += len(data)
            if len(found) == wanted or start >= int(total):
                break
            data = self._redis.getrange(items_key(job_id), start, start + window - 1)
        following = str(found.pop()[0]) if len(found) > limit else None
        return ItemPage(items=self._items(job_id, found, int(size), is_open), next=following)

    def pick(self, job_id: str, indices: Sequence[int]) -> list[Item]:
        """Return the items with these indices, in this order."""
        state, size = self._redis.hmget(job_key(job_id), ["state", "chunk_size"])
        data: Any = self._redis.get(items_key(job_id))
        if state is None or size is None or data is None:
            raise JobNotFound(f"There is no job {job_id!r}. Check the id.")
        found = [(index, data[index]) for index in indices]
        return self._items(job_id, found, int(size), text(state) in OPEN_STATES)

    def iterate(self, job_id: str, start: int = 0, stop: int | None = None) -> Iterator[Item]:
        """Iterate over the items from `start` to `stop` (exclusive, by default the end)."""
        cursor: str | None = str(start)
        while cursor is not None and (stop is None or int(cursor) < stop):
            limit = PART if stop is None else min(PART, stop - int(cursor))
            with records_guard():
                page = self.page(job_id, cursor, limit, None)
            yield from page.items
            cursor = page.next

    def _items(
        self, job_id: str, found: list[tuple[int, int]], chunk_size: int, is_open: bool
    ) -> list[Item]:
        ended = [index for index, byte in found if item_bytes.is_final(byte)]
        lines = self._results.read(job_id, ended, chunk_size)
        images = read_items(self._store, job_id, [index for index, _ in found])
        items = []
        for (index, byte), image in zip(found, images, strict=True):
            state = item_bytes.state(byte, is_open)
            result, error = _outcome(state, lines.get(index, {}))
            items.append(
                Item(
                    index=index,
                    image_id=image.image if image else UNKNOWN_IMAGE,
                    custom_id=image.custom_id if image else None,
                    state=state,
                    attempts=item_bytes.attempts(byte),
                    error=error,
                    result=result,
                )
            )
        return items


def _outcome(state: ItemState, line: Line) -> tuple[Result | None, Problem | None]:
    """The result or the error of an item that has ended; an error in place of an unreadable one."""
    if state not in (ItemState.SUCCEEDED, ItemState.FAILED):
        return None, None
    try:
        result = decode_result(line) if state is ItemState.SUCCEEDED else None
        error = decode_error(line) if state is ItemState.FAILED else None
    except (ValueError, TypeError, AttributeError, LookupError):
        result = error = None
    if result is None and error is None:
        unreadable = ResultUnreadable(
            "The stored result of this item cannot be read. A new job for its image finds the mask."
        )
        error = Problem.model_validate(unreadable.problem())
    return result, error
