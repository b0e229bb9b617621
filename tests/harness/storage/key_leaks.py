"""Finds Redis keys that should have a time to live (TTL) and do not."""

from __future__ import annotations

import re
from typing import Any

from redis import Redis

from roadmask.schemas.jobs import Lane
from storage.jobs.keys import FINALIZING, open_key
from storage.redis_text import texts

PERMANENT = {
    r"rm:jobs": "index of jobs; the reconciler removes the id of an expired job",
    r"rm:open:(interactive|batch)": "index of open jobs; the end of a job removes it",
    r"rm:closing": "jobs that have a final state and are not archived yet",
    r"rm:waiting": "one counter for each lane",
    r"rm:accepting": "jobs that are being accepted; the reconciler removes the abandoned ones",
    r"rm:reconciled": "one counter for each kind of repair",
    r"rm:unreadable": "damaged records; the reconciler removes those that were repaired",
    r"rm:deliveries": "webhooks that are due; delivery or the last failure removes them",
    r"rm:epoch": "identity of this Redis",
    r"rm:workers": "index of workers; the reader removes those without a heartbeat",
    r"rm:service": "which model version serves, cached from the object store",
    r"rm:images(:owned|:of:.+)?(:truth)?": "index of the catalogue, kept until it is deleted",
    r"rm:images:damaged": "images whose bytes are damaged; an upload removes them",
    r"rm:image:.+": "an entry of the catalogue",
    r"rm:datasets:jobs": "the latest job over each dataset",
    r"rm:(datasets|uploads:.+|usage)": "owners of datasets and uploads, kept as long as these",
    r"rm:keys": "revision of the API keys",
    r"rm:audit": "the audit log, which the reconciler moves to the object store",
    r"rm:truths": "sizes of the truths of the catalogue",
    r"rm:queue:.+": "Celery's queues and their bindings",
}
"""Patterns of the keys that never expire, with the reason."""
_PERMANENT = re.compile("|".join(f"(?:{pattern})" for pattern in PERMANENT))
_JOB = re.compile(r"rm:job:([0-9a-f-]{36})(:.+)?")


def find_key_leaks(redis: Redis) -> list[str]:
    """Return the keys without a TTL that are neither permanent nor part of an active job, sorted.

    A job is active while it is open or not archived yet.
    """
    active_jobs = set(texts(redis.smembers(FINALIZING)))
    for lane in Lane:
        active_jobs.update(texts(redis.zrange(open_key(lane), 0, -1)))
    keys = sorted(texts(redis.keys("*")))
    with redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.ttl(key)
        lives: list[Any] = pipe.execute()
    return [
        key
        for key, life in zip(keys, lives, strict=True)
        if life == -1 and not _PERMANENT.fullmatch(key) and not _is_of(key, active_jobs)
    ]


def _is_of(key: str, jobs: set[str]) -> bool:
    found = _JOB.fullmatch(key)
    return found is not None and found[1] in jobs
