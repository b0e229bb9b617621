"""The one task of the queue. It is a wake-up call: the job's record says what there is to do."""

from __future__ import annotations

import logging

from celery import Celery, Task

from roadmask.jobs import Lane
from storage.dispatch import TASK
from worker.chunks import Chunks

log = logging.getLogger(__name__)


def add_tasks(app: Celery, chunks: Chunks) -> None:
    """Register `roadmask.work(job_id)` with the app."""

    @app.task(name=TASK, bind=True, ignore_result=True)
    def work(task: Task[[str], None], job_id: str) -> None:
        lane = (task.request.delivery_info or {}).get("routing_key")
        work_on(chunks, job_id, Lane(str(lane)))


def work_on(chunks: Chunks, job_id: str, lane: Lane) -> None:
    """Work on one chunk of the job, whatever comes of it."""
    try:
        chunks.work(job_id, lane)
    except BaseException:
        # With late acknowledgement in a thread, a MemoryError or SystemExit that gets out would
        # take this slot of the pool away for good. The lease and the reconciler do the rest.
        log.exception("job %s: the chunk was dropped", job_id)
