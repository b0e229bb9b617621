"""Results of items: their encoding, and where they are kept.

A result stays in Redis until all items of its chunk have ended. Then the chunk is sealed: its
results become one object, and Redis drops them. Each retry begins a new round, and the keys of
sealed results name the round. So a process that was paused for an hour overwrites no newer results.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from redis import Redis
from redis.exceptions import ResponseError

from roadmask.errors import ObjectNotFound
from roadmask.masks.scores import scores
from roadmask.masks.taxonomy import CITYSCAPES
from roadmask.schemas.jobs import Problem, Result
from roadmask.schemas.media_types import JSONL
from storage.jobs.item_bytes import is_final
from storage.jobs.keys import RESULTS, items_key, job_key, results_key, unsealed_key
from storage.jobs.scripts import JobScripts
from storage.objects.keys import job_prefix
from storage.objects.store import ObjectStore
from storage.redis_text import texts

SIZE = len(CITYSCAPES)
SEALED = re.compile(r"/\d+-\d+\.jsonl$")
"""Pattern of the end of a key of sealed results."""

log = logging.getLogger(__name__)

Line = dict[str, Any]
"""Result of an item in JSON: `result` or `error`. A sealed line also has `index` and `byte`."""


def encode_result(result: Result, confusion: NDArray[np.int64] | None) -> bytes:
    """Encode the result of an item as compact JSON, with a confusion matrix in place of scores."""
    kept = result.model_dump(
        mode="json",
        exclude={"mask_url", "mask_url_expires_at", "scores"},
        exclude_defaults=True,
    )
    kept["shares"] = {name: round(share, 4) for name, share in result.shares.items()}
    kept["timings_ms"] = {step: round(ms) for step, ms in result.timings_ms.items()}
    line: Line = {"result": kept}
    if confusion is not None:
        line["confusion"] = cells(confusion)
    return _json(line)


def unsealed_results(redis: Redis, job_id: str) -> list[str]:
    """The Redis keys of a job's results that are not sealed. Raises the errors of redis-py."""
    try:
        chunks: Any = redis.smembers(unsealed_key(job_id))
        return [results_key(job_id, int(chunk)) for chunk in chunks]
    except (ResponseError, ValueError):
        # The set of chunks is damaged, so all keys of Redis are scanned.
        found = redis.scan_iter(f"{job_key(job_id)}{RESULTS}*", count=1000)
        return texts(found)


def encode_error(error: Problem) -> bytes:
    """Encode the error of an item as compact JSON."""
    return _json({"error": error.model_dump(mode="json")})


def decode_result(line: Line) -> Result | None:
    """Decode the result of an item, with its scores if it has a truth."""
    if "result" not in line:
        return None
    result = Result.model_validate(line["result"], extra="ignore")
    if (kept := line.get("confusion")) is not None:
        result.scores = scores(matrix(kept), images=1)
    return result


def decode_error(line: Line) -> Problem | None:
    """Decode the error of an item."""
    return Problem.model_validate(line["error"]) if "error" in line else None


def cells(confusion: NDArray[np.int64]) -> dict[str, int]:
    """Return the non-zero cells of an (8, 8) confusion matrix by row * 8 + column."""
    flat = confusion.ravel()
    return {str(cell): int(flat[cell]) for cell in np.flatnonzero(flat)}


def matrix(kept: dict[str, int]) -> NDArray[np.int64]:
    """Return the confusion matrix, int64 (8, 8), with these cells."""
    flat = np.zeros(SIZE * SIZE, np.int64)
    for cell, pixels in kept.items():
        flat[int(cell)] = int(pixels)
    return flat.reshape(SIZE, SIZE)


def sealed_key(job_id: str, chunk: int, round_: int) -> str:
    """Key of a chunk's results that were sealed in one round of the job."""
    return f"{results_prefix(job_id)}{chunk:06d}-{round_:04d}.jsonl"


def results_prefix(job_id: str) -> str:
    """Prefix of a job's sealed results. Their keys sort by chunk, then by round."""
    return f"{job_prefix(job_id)}results/"


def chunk_and_round(key: str) -> tuple[int, int]:
    """Parse the key of sealed results."""
    chunk, round_ = key.rpartition("/")[2].removesuffix(".jsonl").split("-")
    return int(chunk), int(round_)


def read_sealed(store: ObjectStore, job_id: str, chunk: int, round_: int) -> dict[int, Line]:
    """Read the sealed results of a chunk by item index, from the latest round that has any.

    If a line is unreadable, earlier rounds are read too, because they may have its item.
    """
    found: dict[int, Line] = {}
    for key in _sealed_keys(store, job_id, chunk, round_):
        try:
            lines, whole = parse_sealed(store, key)
        except ObjectNotFound:
            continue
        found = {line["index"]: line for line in lines} | found
        if whole:
            break
    return found


def _sealed_keys(store: ObjectStore, job_id: str, chunk: int, round_: int) -> Iterator[str]:
    """The keys of a chunk's sealed results: of this round, then of earlier ones in the store."""
    latest = sealed_key(job_id, chunk, round_)
    yield latest
    if round_ > 0:
        stored = store.keys(latest.rpartition("-")[0] + "-")
        sealed = filter(SEALED.search, stored)
        earlier = [key for key in sealed if chunk_and_round(key)[1] < round_]
        yield from sorted(earlier, key=chunk_and_round, reverse=True)


def parse_sealed(store: ObjectStore, key: str) -> tuple[list[Line], bool]:
    """Read the valid lines of an object of sealed results, and whether all lines are valid."""
    parsed = list(map(_parse_line, store.get(key).splitlines()))
    lines = [line for line in parsed if line is not None]
    whole = bool(lines) and len(lines) == len(parsed)
    if not whole:
        log.warning("%s is damaged: %d of %d lines can be read", key, len(lines), len(parsed))
    return lines, whole


def _parse_line(data: bytes) -> Line | None:
    try:
        line = json.loads(data)
        has_item = isinstance(line["index"], int) and isinstance(line["byte"], int)
        has_outcome = isinstance(line.get("result", line.get("error")), dict)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return line if has_item and has_outcome else None


class Results:
    """Reads the results of items from Redis or the object store, and seals chunks."""

    def __init__(self, redis: Redis, store: ObjectStore, scripts: JobScripts) -> None:
        self._redis = redis
        self._store = store
        self._scripts = scripts

    def read(self, job_id: str, indices: Iterable[int], chunk_size: int) -> dict[int, Line]:
        """Read the results of ended items; an item that was retried meanwhile is left out."""
        chunks: dict[int, list[int]] = {}
        for index in indices:
            chunks.setdefault(index // chunk_size, []).append(index)
        if not chunks:
            return {}
        with self._redis.pipeline(transaction=False) as pipe:
            for chunk, members in chunks.items():
                pipe.hmget(results_key(job_id, chunk), [str(index) for index in members])
            fresh = pipe.execute()
        found: dict[int, Line] = {}
        sealed: dict[int, list[int]] = {}
        for (chunk, members), lines in zip(chunks.items(), fresh, strict=True):
            for index, line in zip(members, lines, strict=True):
                if line is None:
                    sealed.setdefault(chunk, []).append(index)
                else:
                    found[index] = json.loads(line)
        return found | self._read_sealed(job_id, sealed)

    def seal(self, job_id: str, chunk: int) -> None:
        """Move the results of a chunk to the object store once all its items have ended.

        Several processes may seal the same chunk, because all of one round write the same object.
        """
        round_, chunk_size = self._header(job_id)
        key = results_key(job_id, chunk)
        first = chunk * chunk_size
        with self._redis.pipeline() as pipe:
            pipe.hgetall(key)
            pipe.getrange(items_key(job_id), first, first + chunk_size - 1)
            fresh, data = pipe.execute()
        ended = {first + offset: byte for offset, byte in enumerate(data) if is_final(byte)}
        lines: dict[int, Line] = {int(index): json.loads(line) for index, line in fresh.items()}
        if not ended.keys() <= lines.keys():
            lines = read_sealed(self._store, job_id, chunk, round_) | lines
        sealed = [
            _json({**lines[index], "index": index, "byte": byte})
            for index, byte in ended.items()
            if index in lines
        ]
        if fresh and sealed:
            self._store.put(sealed_key(job_id, chunk, round_), b"\n".join(sealed), JSONL)
        self._scripts.mark_sealed(job_id, chunk, round_)

    def _read_sealed(self, job_id: str, chunks: dict[int, list[int]]) -> dict[int, Line]:
        """The results that Redis no longer has: `chunks` maps a chunk to indices of its items."""
        if not chunks:
            return {}
        round_, _ = self._header(job_id)
        found: dict[int, Line] = {}
        for chunk, members in chunks.items():
            lines = read_sealed(self._store, job_id, chunk, round_)
            found |= {index: lines[index] for index in members if index in lines}
        return found

    def _header(self, job_id: str) -> tuple[int, int]:
        round_, chunk_size = self._redis.hmget(job_key(job_id), ["round", "chunk_size"])
        return int(round_ or 0), int(chunk_size or 1)


def _json(value: Line) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
