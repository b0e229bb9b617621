"""Endings: an ended job becomes whole in the object store, and Redis may forget it."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import asdict, dataclass

from redis import Redis

from roadmask.errors import ObjectNotFound
from roadmask.jobs import FINAL_STATES
from roadmask.settings import Settings
from storage.job_keys import confusion_key, items_key, job_key, unsealed_key
from storage.objects import ObjectStore, job_prefix
from storage.replies import mapping, text
from storage.results import Results
from storage.scripts import Scripts


@dataclass(frozen=True, slots=True)
class Ending:
    """The final record of a job, as `done.json` keeps it: enough to read the job again."""

    record: dict[str, str]
    confusion: dict[str, int]
    items: str
    """One byte per item, compressed by zlib, base64."""

    def item_bytes(self) -> bytes:
        """One byte per item: attempts and state."""
        return zlib.decompress(base64.b64decode(self.items))


def done_key(job_id: str) -> str:
    """Where an ended job's final record is."""
    return f"{job_prefix(job_id)}done.json"


def read_ending(store: ObjectStore, job_id: str) -> Ending | None:
    """The final record of a job, when it has one."""
    try:
        return Ending(**json.loads(store.get(done_key(job_id))))
    except ObjectNotFound:
        return None


class Endings:
    """Writes down how jobs ended. Safe to repeat, and in several processes at once."""

    def __init__(self, redis: Redis, store: ObjectStore, settings: Settings) -> None:
        self._redis = redis
        self._store = store
        self._scripts = Scripts(redis)
        self._results = Results(redis, store)
        self._retention_s = settings.retention_s

    def finish(self, job_id: str) -> bool:
        """Seal what is not sealed, write the final record, and let Redis forget the job in time.

        False when the job is open, unknown, or was opened again meanwhile.
        """
        if self._state(job_id) not in FINAL_STATES:
            return False
        for chunk in self._redis.smembers(unsealed_key(job_id)):
            self._results.seal(job_id, int(chunk))
        with self._redis.pipeline() as pipe:
            pipe.hgetall(job_key(job_id))
            pipe.hgetall(confusion_key(job_id))
            pipe.get(items_key(job_id))
            raw, cells, items = pipe.execute()
        record = mapping(raw)
        if record.get("state") not in FINAL_STATES:
            return False
        confusion = {cell: int(pixels) for cell, pixels in mapping(cells).items()}
        ending = Ending(record, confusion, base64.b64encode(zlib.compress(items)).decode())
        self._store.put(done_key(job_id), json.dumps(asdict(ending)).encode(), "application/json")
        return bool(self._scripts.run("finish", job_id, record["round"], self._retention_s))

    def _state(self, job_id: str) -> str | None:
        state = self._redis.hget(job_key(job_id), "state")
        return text(state) if state else None
