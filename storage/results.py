"""Results of items: how they are written down, sealed in the object store, and read back.

While its chunk is being worked on, a result lives in Redis. Once the whole chunk has ended its
results become one object, and Redis forgets them. Each retry begins a new round, whose objects
have names of their own: so a process that was stopped for an hour cannot put old results back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from redis import Redis

from roadmask.categories import CITYSCAPES
from roadmask.errors import ObjectNotFound
from roadmask.jobs import Problem, Result
from roadmask.scores import scores
from storage.item_bytes import is_final
from storage.job_keys import items_key, job_key, results_key
from storage.objects import ObjectStore, job_prefix
from storage.scripts import Scripts

SIZE = len(CITYSCAPES)
JSONL = "application/jsonl"

Line = dict[str, Any]
"""One item's result as it is kept: `result` or `error`; sealed ones have `index` and `byte` too."""


def encode_result(result: Result, confusion: NDArray[np.int64] | None) -> bytes:
    """A succeeded item's result as compact JSON; its scores are kept as their confusion matrix."""
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


def encode_error(error: Problem) -> bytes:
    """A failed item's cause as compact JSON."""
    return _json({"error": error.model_dump(mode="json")})


def decode_result(line: Line) -> Result | None:
    """The result of an item, with its scores where there was a truth."""
    if "result" not in line:
        return None
    result = Result.model_validate(line["result"])
    if (kept := line.get("confusion")) is not None:
        result.scores = scores(matrix(kept), images=1)
    return result


def decode_error(line: Line) -> Problem | None:
    """Why an item failed."""
    return Problem.model_validate(line["error"]) if "error" in line else None


def cells(confusion: NDArray[np.int64]) -> dict[str, int]:
    """The cells of an (8, 8) confusion matrix that are not zero, by row * 8 + column."""
    flat = confusion.ravel()
    return {str(cell): int(flat[cell]) for cell in np.flatnonzero(flat)}


def matrix(kept: dict[str, int]) -> NDArray[np.int64]:
    """The confusion matrix, int64 (8, 8), from its cells."""
    flat = np.zeros(SIZE * SIZE, np.int64)
    for cell, pixels in kept.items():
        flat[int(cell)] = int(pixels)
    return flat.reshape(SIZE, SIZE)


def sealed_key(job_id: str, chunk: int, round_: int) -> str:
    """Where a chunk's results are, as they were sealed in one round of the job."""
    return f"{results_prefix(job_id)}{chunk:06d}-{round_:04d}.jsonl"


def results_prefix(job_id: str) -> str:
    """What the keys of a job's sealed results begin with; they sort by chunk, then by round."""
    return f"{job_prefix(job_id)}results/"


def sealed_place(key: str) -> tuple[int, int]:
    """The chunk and the round that the key of sealed results names."""
    chunk, round_ = key.rpartition("/")[2].removesuffix(".jsonl").split("-")
    return int(chunk), int(round_)


def read_sealed(store: ObjectStore, job_id: str, chunk: int, round_: int) -> dict[int, Line]:
    """Sealed results of a chunk by item, of the latest round that has any; empty when none has."""
    for earlier in range(round_, -1, -1):
        try:
            lines = store.get(sealed_key(job_id, chunk, earlier)).splitlines()
        except ObjectNotFound:
            continue
        return {line["index"]: line for line in map(json.loads, lines)}
    return {}


class Results:
    """The results of jobs, wherever they are at the moment."""

    def __init__(self, redis: Redis, store: ObjectStore) -> None:
        self._redis = redis
        self._store = store
        self._scripts = Scripts(redis)

    def read(self, job_id: str, indices: Iterable[int], chunk_size: int) -> dict[int, Line]:
        """Results of the given ended items; one that started over meanwhile is left out."""
        chunks: dict[int, list[int]] = {}
        for index in indices:
            chunks.setdefault(index // chunk_size, []).append(index)
        found: dict[int, Line] = {}
        for chunk, members in chunks.items():
            found.update(self._read_chunk(job_id, chunk, members))
        return found

    def seal(self, job_id: str, chunk: int) -> None:
        """Move a chunk's results to the object store. For chunks where nothing changes any more.

        Safe at any time, in any number of processes: within a round all write the same object.
        """
        round_, chunk_size = self._header(job_id)
        key = results_key(job_id, chunk)
        first = chunk * chunk_size
        with self._redis.pipeline() as pipe:
            pipe.hgetall(key)
            pipe.getrange(items_key(job_id), first, first + chunk_size - 1)
            fresh, data = pipe.execute()
        lines = read_sealed(self._store, job_id, chunk, round_)
        lines |= {int(index): json.loads(line) for index, line in fresh.items()}
        sealed = [
            _json({**lines[first + offset], "index": first + offset, "byte": byte})
            for offset, byte in enumerate(data)
            if is_final(byte) and first + offset in lines
        ]
        if fresh and sealed:
            self._store.put(sealed_key(job_id, chunk, round_), b"\n".join(sealed), JSONL)
        self._scripts.run("seal", job_id, chunk, round_)

    def _read_chunk(
        self, job_id: str, chunk: int, members: list[int]
    ) -> Iterator[tuple[int, Line]]:
        fresh = self._redis.hmget(results_key(job_id, chunk), [str(index) for index in members])
        missing = []
        for index, line in zip(members, fresh, strict=True):
            if line is None:
                missing.append(index)
            else:
                yield index, json.loads(line)
        if missing:
            round_, _ = self._header(job_id)
            sealed = read_sealed(self._store, job_id, chunk, round_)
            yield from ((index, sealed[index]) for index in missing if index in sealed)

    def _header(self, job_id: str) -> tuple[int, int]:
        round_, chunk_size = self._redis.hmget(job_key(job_id), ["round", "chunk_size"])
        return int(round_ or 0), int(chunk_size or 1)


def _json(value: Line) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
