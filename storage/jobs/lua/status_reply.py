"""What the script `read_status` replies of a job."""

from __future__ import annotations

from typing import Any, NamedTuple

from storage.redis_text import mapping, text


class QueueStatus(NamedTuple):
    """Part of the reply of `read_status`: the place of an open job in its lane."""

    rank: int
    jobs: int
    """Open jobs of the lane."""
    sampled: int
    """Other jobs that were looked at."""
    sampled_items: int
    """Items of the sampled jobs that are done before this job ends."""
    ended: int
    """Items of the lane that ended in the last minute."""
    ended_ms: int
    """Time in which they ended."""


class StatusReply(NamedTuple):
    """Reply of `read_status` for one job."""

    record: dict[str, str]
    confusion: dict[str, int]
    last_event: str
    queue: QueueStatus | None
    """None when the job has ended."""

    @classmethod
    def parse(cls, reply: list[Any] | None) -> StatusReply | None:
        """Parse the reply for one job; None when Redis has no such job."""
        if reply is None:
            return None
        record, confusion, last_event, queue = reply
        return cls(
            record=mapping(_pairs(record)),
            confusion={cell: int(n) for cell, n in mapping(_pairs(confusion)).items()},
            last_event=text(last_event),
            queue=None if queue is None else QueueStatus(*queue),
        )


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
