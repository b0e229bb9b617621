"""Items of a job, page by page: states from Redis, results from wherever they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from redis import Redis

from roadmask.errors import InvalidRequest, JobNotFound
from roadmask.jobs import OPEN_STATES, Item, ItemPage, ItemState
from storage import item_bytes
from storage.connections import records_guard
from storage.job_keys import items_key, job_key
from storage.manifest import PART, read_range
from storage.objects import ObjectStore
from storage.replies import text
from storage.results import Results, decode_error, decode_result

WINDOW = 1 << 16
"""Items whose states are read at once while those asked for are looked for."""


class ItemPages:
    """Reads items. Nothing but the page is in memory."""

    def __init__(self, redis: Redis, store: ObjectStore) -> None:
        self._redis = redis
        self._store = store
        self._results = Results(redis, store)

    def page(
        self, job_id: str, cursor: str | None, limit: int, states: Collection[ItemState] | None
    ) -> ItemPage:
        """Up to `limit` items from `cursor` (an index) on that are in one of the states."""
        if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
            raise InvalidRequest(f"{cursor[:40]!r} is not a cursor. Use `next` of the last page.")
        state, total, size = self._redis.hmget(job_key(job_id), ["state", "total", "chunk_size"])
        if state is None or total is None or size is None:
            raise JobNotFound(f"There is no job {job_id!r}. Check the id.")
        is_open = text(state) in OPEN_STATES
        found = self._find(job_id, int(cursor or 0), int(total), limit + 1, states, is_open)
        following = str(found.pop()[0]) if len(found) > limit else None
        return ItemPage(items=self._items(job_id, found, int(size), is_open), next=following)

    def walk(self, job_id: str, start: int = 0, stop: int | None = None) -> Iterator[Item]:
        """The items from `start` to `stop` (exclusive, by default the end), in order."""
        cursor: str | None = str(start)
        while cursor is not None and (stop is None or int(cursor) < stop):
            limit = PART if stop is None else min(PART, stop - int(cursor))
            with records_guard():
                page = self.page(job_id, cursor, limit, None)
            yield from page.items
            cursor = page.next

    def _find(
        self,
        job_id: str,
        start: int,
        total: int,
        limit: int,
        states: Collection[ItemState] | None,
        is_open: bool,
    ) -> list[tuple[int, int]]:
        """Up to `limit` pairs of index and byte."""
        found: list[tuple[int, int]] = []
        window = WINDOW if states is not None else limit
        while start < total and len(found) < limit:
            data: Any = self._redis.getrange(items_key(job_id), start, start + window - 1)
            if not data:
                break
            hits = item_bytes.matching(data, states, is_open)[: limit - len(found)]
            found += [(start + int(hit), data[hit]) for hit in hits]
            start += len(data)
        return found

    def _items(
        self, job_id: str, found: list[tuple[int, int]], chunk_size: int, is_open: bool
    ) -> list[Item]:
        ended = [index for index, byte in found if item_bytes.is_final(byte)]
        lines = self._results.read(job_id, ended, chunk_size)
        items = []
        for index, byte in found:
            (image,) = read_range(self._store, job_id, index, index + 1)
            state = item_bytes.state(byte, is_open)
            line = lines.get(index, {})
            items.append(
                Item(
                    index=index,
                    image_id=image.image,
                    custom_id=image.custom_id,
                    state=state,
                    attempts=item_bytes.attempts(byte),
                    error=decode_error(line) if state == ItemState.FAILED else None,
                    result=decode_result(line) if state == ItemState.SUCCEEDED else None,
                )
            )
        return items
