"""Dispatch: wake-up calls to workers through Celery. What is to be done is in the job records."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from roadmask.errors import RecordsUnavailable
from roadmask.jobs import Lane
from roadmask.settings import Settings
from storage.connections import connect_redis, records_guard

if TYPE_CHECKING:
    from celery import Celery
    from kombu import Connection

TASK = "roadmask.work"
"""The task of the workers; its one argument is the id of a job that has work."""
PREFIX = "rm:queue:"
"""What all of Celery's keys in Redis begin with."""


def celery_config(settings: Settings) -> dict[str, Any]:
    """Celery's settings, the same for those who send and those who work.

    Messages are hints, so the broker need not be reliable: late acknowledgement and the visibility
    timeout bring some back, the reconciler the others. Failure is a state of our own records, so
    there is no result backend. Remote control and events are off because they leave keys behind.
    The shortest visibility timeout of any process counts, so all of them must have this one.
    """
    from kombu import Queue

    return {
        "broker_url": settings.redis_url,
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "broker_connection_timeout": 5,
        "visibility_timeout": settings.visibility_timeout_s,
        "broker_transport_options": {
            "visibility_timeout": settings.visibility_timeout_s,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "queue_order_strategy": "priority",
            "global_keyprefix": PREFIX,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "retry_on_timeout": True,
            "client_name": "roadmask-queue",
        },
        "result_backend": None,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_queues": tuple(Queue(lane.value) for lane in Lane),
        "task_default_queue": Lane.BATCH.value,
        "task_create_missing_queues": False,
        "task_acks_late": True,
        "task_acks_on_failure": True,
        "task_acks_on_timeout": True,
        "task_reject_on_worker_lost": False,
        "task_track_started": False,
        "task_send_sent_event": False,
        "task_publish_retry": False,
        "worker_pool": "threads",
        "worker_concurrency": settings.worker_threads,
        "worker_prefetch_multiplier": 1,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_soft_shutdown_timeout": 0,
        "worker_hijack_root_logger": False,
    }


class Dispatch:
    """Sends messages, and counts those that wait. Both raise `RecordsUnavailable` without Redis."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redis = connect_redis(settings)
        self._idle: deque[Connection] = deque()

    def prepare(self) -> None:
        """Load Celery now, rather than with the first message: it takes a while."""
        self._celery.finalize(auto=True)

    def send(self, job_id: str, lane: Lane, copies: int = 1) -> None:
        """Say that a job has work, to as many workers as there are copies."""
        try:
            self._send(job_id, lane, copies)
        except Exception:
            from kombu.exceptions import OperationalError

            # After a restart of Redis kombu's channels may be broken in ways of their own: none of
            # them is used again, and a new connection tells whether Redis is there.
            self._idle.clear()
            try:
                self._send(job_id, lane, copies)
            except (OperationalError, RedisError, OSError) as error:
                raise RecordsUnavailable(
                    "The queue does not answer. What was accepted is kept and will be worked on."
                ) from error

    @records_guard()
    def depth(self, lane: Lane) -> int:
        """Messages that wait in a lane."""
        return int(self._redis.llen(f"{PREFIX}{lane.value}"))

    @cached_property
    def _celery(self) -> Celery:
        from celery import Celery

        app = Celery("roadmask", set_as_current=False)
        app.conf.update(celery_config(self._settings))
        return app

    def _send(self, job_id: str, lane: Lane, copies: int) -> None:
        with self._connection() as connection, self._celery.amqp.Producer(connection) as producer:
            for _ in range(copies):
                self._celery.send_task(TASK, (job_id,), queue=lane.value, producer=producer)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection for this thread alone, kept for the next one when all went well."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._celery.connection_for_write()
        try:
            connection.ensure_connection(max_retries=1, interval_start=0)
            yield connection
        except BaseException:
            connection.release()
            raise
        self._idle.append(connection)
