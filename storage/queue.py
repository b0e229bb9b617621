"""The queue: messages through Celery that wake workers. The work itself is in the job records."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from redis import Redis
from redis.connection import parse_url
from redis.exceptions import RedisError

from roadmask.errors import RecordsUnavailable
from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.connections import records_guard

if TYPE_CHECKING:
    from celery import Celery
    from kombu import Connection

TASK = "roadmask.work"
"""The Celery task of the workers. Its argument is the id of a job that has work."""
PREFIX = "rm:queue:"
"""Prefix of Celery's keys in Redis."""


def lane_key(lane: Lane) -> str:
    """Key of the messages that wait in a lane."""
    return f"{PREFIX}{lane.value}"


def celery_config(settings: Settings) -> dict[str, Any]:
    """Return Celery's settings, the same for senders and workers.

    Messages are hints, so the broker need not be reliable: late acknowledgement and the visibility
    timeout repeat some lost messages, and the reconciler sends the others again. Failures are in
    the job records, so there is no result backend. Remote control and events are off because they
    leave keys behind. All processes need the same visibility timeout: the shortest one counts.
    """
    from kombu import Queue

    return {
        "broker_url": _broker_url(settings.redis_url),
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


def _broker_url(redis_url: str) -> str:
    """The address of Redis as kombu writes it, with all that redis-py reads in it.

    kombu splits an address at semicolons, which a password may have, and takes any certificate
    unless the address says otherwise.
    """
    known: dict[str, Any] = parse_url(redis_url)  # type: ignore[no-untyped-call]
    user, password = (quote(known.get(part, ""), safe="") for part in ("username", "password"))
    login = f"{user}:{password}@"
    if path := known.get("path"):
        return f"redis+socket://{login}{quote(path)}?virtual_host={known.get('db', 0)}"
    host, port = quote(known["host"], safe=":"), known.get("port", 6379)
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if "connection_class" not in known:
        return f"redis://{login}{place}/{known.get('db', 0)}"
    tls = {name: value for name, value in known.items() if name.startswith("ssl_")}
    return f"rediss://{login}{place}/{known.get('db', 0)}?" + urlencode(
        {"ssl_cert_reqs": "required"} | tls
    )


class JobQueue:
    """Sends messages and counts them. Both raise `RecordsUnavailable` without Redis."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._settings = settings
        self._idle: deque[Connection] = deque()

    def warm_up(self) -> None:
        """Load Celery now instead of with the first message: it takes a while."""
        self._celery.finalize(auto=True)

    def send(self, job_id: str, lane: Lane, copies: int = 1) -> None:
        """Wake up to `copies` workers for a job that has work."""
        try:
            self._send(job_id, lane, copies)
        except Exception:
            from kombu.exceptions import OperationalError

            # After a restart of Redis kombu's channels may fail in many ways. Drop them all: a new
            # connection shows whether Redis is up.
            self.close()
            try:
                self._send(job_id, lane, copies)
            except (OperationalError, RedisError, OSError) as error:
                raise RecordsUnavailable(
                    "The queue does not answer. What was accepted is kept and will be worked on."
                ) from error

    def check(self) -> None:
        """Connect to the broker. Raises what Redis or the network says."""
        connection = self._celery.connection_for_write()
        try:
            connection.ensure_connection(
                max_retries=1, interval_start=0, reraise_as_library_errors=False
            )
        finally:
            connection.release()

    def close(self) -> None:
        """Close the idle connections to the broker."""
        while self._idle:
            # A connection that broke in an outage may raise anything.
            with suppress(Exception):
                self._idle.pop().release()

    @records_guard()
    def depth(self, lane: Lane) -> int:
        """Return the number of messages that wait in a lane."""
        return int(self._redis.llen(lane_key(lane)))

    @cached_property
    def _celery(self) -> Celery:
        from celery import Celery

        app = Celery("roadmask", set_as_current=False, fixups=[])
        app.conf.update(celery_config(self._settings))
        return app

    def _send(self, job_id: str, lane: Lane, copies: int) -> None:
        with self._connection() as connection, self._celery.amqp.Producer(connection) as producer:
            for _ in range(copies):
                self._celery.send_task(TASK, (job_id,), queue=lane.value, producer=producer)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Lend a connection to this thread; it is kept for the next one unless something failed."""
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
