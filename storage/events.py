"""Events: what is told of a job while it runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from roadmask.jobs import FINAL_STATES, ItemState, Job, Problem
from storage.manifest import ManifestItem


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job."""

    id: str
    """Where to go on from after a lost connection."""
    type: str
    """`item`: an item ended; `job`: the job's state changed; `ping`: nothing, for a while."""
    data: dict[str, Any]

    @property
    def is_end(self) -> bool:
        """Whether the job ended with this."""
        return self.type == "job" and self.data["state"] in FINAL_STATES


def encode_item(index: int, item: ManifestItem, error: Problem | None, cached: bool) -> bytes:
    """What an `item` event carries, as JSON."""
    state = ItemState.SUCCEEDED if error is None else ItemState.FAILED
    data = {
        "index": index,
        "image_id": item.image,
        "custom_id": item.custom_id,
        "state": state,
        "error": error.code if error else None,
        "cached": cached,
    }
    return json.dumps(data, separators=(",", ":")).encode()


def job_event(event_id: str, job: Job) -> Event:
    """What a `job` event would tell now."""
    return Event(event_id, "job", {"state": job.state, "counts": job.counts.model_dump()})


def decode_event(event_id: bytes, fields: dict[bytes, bytes]) -> Event:
    """An event from an entry of the stream."""
    return Event(event_id.decode(), fields[b"type"].decode(), json.loads(fields[b"data"]))
