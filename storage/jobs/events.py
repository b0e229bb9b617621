"""Encodes and decodes the events of a job."""

from __future__ import annotations

import json

from roadmask.schemas.events import Event
from roadmask.schemas.jobs import ItemState, Job, Problem
from storage.jobs.manifest import UNKNOWN_IMAGE, ManifestItem


def encode_item(
    index: int, item: ManifestItem | None, error: Problem | None, cached: bool
) -> bytes:
    """Return the data of an `item` event as JSON; `item` is None if it cannot be read."""
    state = ItemState.SUCCEEDED if error is None else ItemState.FAILED
    data = {
        "index": index,
        "image_id": item.image if item else UNKNOWN_IMAGE,
        "custom_id": item.custom_id if item else None,
        "state": state,
        "error": error.code if error else None,
        "cached": cached,
    }
    return json.dumps(data, separators=(",", ":")).encode()


def job_event(event_id: str, job: Job) -> Event:
    """Return a `job` event with the current state and counts."""
    return Event(event_id, "job", {"state": job.state, "counts": job.counts.model_dump()})


def decode_event(event_id: bytes, fields: dict[bytes, bytes]) -> Event:
    """Decode an entry of the event stream."""
    return Event(event_id.decode(), fields[b"type"].decode(), json.loads(fields[b"data"]))
