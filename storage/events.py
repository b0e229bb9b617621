"""Events: what is told of a job while it runs."""

from __future__ import annotations

import json

from roadmask.event import Event
from roadmask.jobs import ItemState, Job, Problem
from storage.manifest import ManifestItem


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
