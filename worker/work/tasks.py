"""The only Celery task. Its message is a wake-up call; the job records say what there is to do."""

from __future__ import annotations

import logging

from celery import Celery, Task

from roadmask.schemas.jobs import Lane
from storage.queue import TASK
from storage.telemetry.log_context import bound
from worker.work.chunks import ChunkRunner
from worker.work.consumption import Consumption

log = logging.getLogger(__name__)


def add_tasks(app: Celery, chunks: ChunkRunner, consumption: Consumption) -> None:
    """Register `roadmask.work(job_id)` with the app."""

    @app.task(name=TASK, bind=True, ignore_result=True)
    def work(task: Task[[str], None], job_id: str) -> None:
        lane = (task.request.delivery_info or {}).get("routing_key")
        run_chunk(chunks, consumption, job_id, Lane(str(lane)))


def run_chunk(chunks: ChunkRunner, consumption: Consumption, job_id: str, lane: Lane) -> None:
    """Work on a chunk of the job. Never raises."""
    with consumption.chunk(lane), bound(job_id=job_id):
        try:
            chunks.run(job_id, lane)
        except BaseException:
            # With late acknowledgement, a MemoryError or SystemExit that escapes from a thread
            # would block this slot of the pool forever. The lease expires and the reconciler
            # resends the job.
            log.exception("the chunk was dropped")
