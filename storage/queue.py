"""The queue: Celery's messages, which wake workers. The work itself is in the job records.

Messages are encoded here instead of by Celery's client, which takes longer for one message than
Redis takes to accept the job. The client of the API waits for both.
"""

from __future__ import annotations

import base64
import json
import logging
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from redis import Redis
from redis.connection import parse_url

from roadmask.schemas.jobs import Lane
from roadmask.schemas.media_types import JSON
from roadmask.settings import Settings
from storage.connections import records_guard

log = logging.getLogger(__name__)

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
    """The URL of Redis in kombu's form, with every part that redis-py reads from `redis_url`.

    kombu splits a URL at semicolons, which a password may contain, and by default accepts any
    certificate.
    """
    known: dict[str, Any] = parse_url(redis_url)  # type: ignore[no-untyped-call]
    user, password = (quote(known.get(part, ""), safe="") for part in ("username", "password"))
    login = f"{user}:{password}@"
    if path := known.get("path"):
        return f"redis+socket://{login}{quote(path)}?virtual_host={known.get('db', 0)}"
    host, port = quote(known["host"], safe=":"), known.get("port", 6379)
    netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if "connection_class" not in known:
        return f"redis://{login}{netloc}/{known.get('db', 0)}"
    tls = {name: value for name, value in known.items() if name.startswith("ssl_")}
    return f"rediss://{login}{netloc}/{known.get('db', 0)}?" + urlencode(
        {"ssl_cert_reqs": "required"} | tls
    )


def encode_message(job_id: str, lane: Lane) -> bytes:
    """A message that a job of this lane has work, as Celery's protocol 2 and kombu write it."""
    task_id = str(uuid4())
    message = {
        "body": base64.b64encode(json.dumps([[job_id], {}, {}]).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": JSON,
        "headers": {
            "lang": "py",
            "task": TASK,
            "id": task_id,
            "root_id": task_id,
            "parent_id": None,
            "group": None,
        },
        "properties": {
            "correlation_id": task_id,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": lane.value},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid4()),
        },
    }
    return json.dumps(message).encode()


def decode_message(message: bytes) -> str:
    """The id of the job in a message. Raises `ValueError` for a message of another kind."""
    try:
        fields = json.loads(message)
        task, kind, body = fields["headers"]["task"], fields["content-type"], fields["body"]
        if (task, kind) != (TASK, JSON):
            raise ValueError(f"its task is {task}, and its content type is {kind}")
        if fields["properties"].get("body_encoding") == "base64":
            body = base64.b64decode(body)
        (job_id, *_), *_ = json.loads(body)
        return str(job_id)
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is malformed: {error!r}") from None


class JobQueue:
    """Sends, takes and counts messages. Its methods raise `RecordsUnavailable` without Redis."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis: Any = redis
        self._settings = settings

    @records_guard()
    def send(self, job_id: str, lane: Lane, copies: int = 1) -> None:
        """Wake up to `copies` workers for a job that has work."""
        if copies:
            messages = (encode_message(job_id, lane) for _ in range(copies))
            self._redis.lpush(lane_key(lane), *messages)

    @records_guard()
    def take(self, lane: Lane, seconds: float) -> str | None:
        """Pop the oldest message and return its job; None if none arrives in `seconds`.

        A malformed message is dropped.
        """
        popped = self._redis.brpop([lane_key(lane)], timeout=seconds)
        if popped is None:
            return None
        try:
            return decode_message(popped[1])
        except ValueError as error:
            log.error("a message of the lane %s is dropped: %s", lane, error)
            return None

    def check(self) -> None:
        """Connect to the broker as Celery does. Raises the errors of redis-py."""
        from celery import Celery

        app = Celery("roadmask", set_as_current=False, fixups=[])
        app.conf.update(celery_config(self._settings))
        with app.connection_for_write() as connection:
            connection.ensure_connection(
                max_retries=1, interval_start=0, reraise_as_library_errors=False
            )

    @records_guard()
    def depth(self, lane: Lane) -> int:
        """Return the number of messages that wait in a lane."""
        return int(self._redis.llen(lane_key(lane)))
