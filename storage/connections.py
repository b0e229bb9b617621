"""How this process reaches Redis and the object store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry

from roadmask.errors import RecordsUnavailable
from roadmask.settings import Settings
from storage.local_store import LocalStore
from storage.objects import ObjectStore

UNABLE = ("-OOM ", "MISCONF ", "NOREPLICAS ")
"""In errors that redis-py has no class for: Redis lives, and cannot write."""
CONNECTIONS = 1000
"""Most connections of a client: more than any process has threads. redis-py itself stops at 100."""


def connect_redis(settings: Settings) -> Redis:
    """A client of the records' Redis; it connects at its first command, answers are bytes.

    A command is tried up to four times within about two seconds of pauses, so that a restart of
    Redis goes unnoticed. It may therefore run twice: what is sent must bear that.
    """
    return Redis.from_url(
        settings.redis_url,
        decode_responses=False,
        socket_connect_timeout=3,
        socket_timeout=10,
        socket_keepalive=True,
        health_check_interval=25,
        retry=Retry(ExponentialWithJitterBackoff(base=0.1, cap=1.0), 3),
        retry_on_error=[BusyLoadingError, ConnectionError, TimeoutError],
        client_name="roadmask",
        max_connections=CONNECTIONS,
    )


def open_store(settings: Settings) -> ObjectStore:
    """The object store of the settings; not yet tried: call its `check`."""
    if settings.store == "minio":
        # Its SDK takes a quarter of the API's start, and a local store needs none of it.
        from storage.minio_store import MinioStore

        return MinioStore(settings)
    secret = settings.secret.get_secret_value()
    return LocalStore(settings.objects_dir, settings.public_url, secret)


@contextmanager
def records_guard() -> Iterator[None]:
    """Raise `RecordsUnavailable` where Redis is out of reach, loading, full or read-only.

    For a `with` block, or as a decorator: `@records_guard()`. Not for generator functions, whose
    bodies run after the decorator has left: use a `with` block inside.
    """
    try:
        yield
    except (ConnectionError, TimeoutError) as error:
        raise RecordsUnavailable(
            "Redis, which keeps the job records, does not answer. Try again in a moment."
        ) from error
    except ResponseError as error:
        full = isinstance(error, OutOfMemoryError | ReadOnlyError)
        if full or any(word in str(error) for word in UNABLE):
            raise RecordsUnavailable(
                f"Redis, which keeps the job records, cannot write: {error}. "
                "Try again once it has room."
            ) from error
        raise
