"""Connections to Redis and to the object store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    InvalidResponse,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry

from roadmask.errors import RecordsUnavailable
from roadmask.local.redis import running_url
from roadmask.settings import Settings
from storage.objects.local import LocalStore
from storage.objects.store import ObjectStore
from storage.telemetry.metrics import REDIS_ERRORS

CANNOT_WRITE = ("-OOM ", "-READONLY ", "MISCONF ", "NOREPLICAS ")
"""Parts of errors that say that Redis cannot write, and for which redis-py has no class. They may
occur inside the text, because scripts of Redis 6 wrap the errors of their commands."""
BUSY = "BUSY "
"""Prefix of Redis's error to every client while a script runs for more than 5 seconds."""
CLOSED = "handler is closed"
"""Part of uvloop's error for a connection that was closed."""
CONNECTIONS = 1000
"""Most connections of a client: more than any process has threads. redis-py defaults to 100."""
ASYNC_CONNECTIONS = 8192
"""Most connections of an async client: each job with waiting clients holds one. Redis accepts
10,000."""
PROBE_TIMEOUT_S = 1.0
"""Seconds that a check waits for a connection, and for a reply."""
BLOCK_S = 10.0
"""Longest time for which Redis blocks one read of an async client, seconds."""


def connect_redis(settings: Settings) -> Redis:
    """Return a client of Redis. It connects at its first command, and its replies are bytes.

    A command is tried up to 4 times within about 2 seconds, which bridges a restart of Redis. A
    command may therefore run twice, so every command must be idempotent.
    """
    return Redis.from_url(
        settings.redis_url,
        decode_responses=False,
        socket_connect_timeout=3,
        socket_timeout=10,
        **_keepalive(settings),
        health_check_interval=25,
        retry=Retry(ExponentialWithJitterBackoff(base=0.1, cap=1.0), 3),
        retry_on_error=[BusyLoadingError, ConnectionError, TimeoutError],
        client_name="roadmask",
        max_connections=CONNECTIONS,
    )


def connect_probe(settings: Settings) -> Redis:
    """Return a client for checks: its commands fail after 1 second and are not retried."""
    return Redis.from_url(
        settings.redis_url,
        decode_responses=False,
        socket_connect_timeout=PROBE_TIMEOUT_S,
        socket_timeout=PROBE_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        client_name="roadmask-probe",
    )


def connect_async_redis(settings: Settings) -> AsyncRedis:
    """Return an async client of Redis for many blocking reads at once.

    It retries like the client of `connect_redis`.
    """
    return AsyncRedis.from_url(
        settings.redis_url,
        socket_connect_timeout=3,
        socket_timeout=BLOCK_S + 5,
        **_keepalive(settings),
        health_check_interval=25,
        retry=AsyncRetry(ExponentialWithJitterBackoff(base=0.1, cap=1.0), 3),
        # uvloop raises RuntimeError for a write on a connection that was closed.
        retry_on_error=[BusyLoadingError, ConnectionError, TimeoutError, RuntimeError],
        client_name="roadmask-watch",
        max_connections=ASYNC_CONNECTIONS,
    )


def _keepalive(settings: Settings) -> dict[str, Any]:
    """Arguments for TCP keep-alive; none for a Unix socket."""
    return {} if settings.redis_url.startswith("unix:") else {"socket_keepalive": True}


def command_settings(data_dir: Path | None = None) -> Settings:
    """The settings of a command that acts on the service of these settings or of a data folder.

    `roadmask up` starts a Redis with a random port and password, which are noted in the folder.
    """
    settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
    own = running_url(settings.data_dir / "redis")
    is_own = settings.store == "local" or (own is not None and _answers(own))
    if own and is_own and "redis_url" not in settings.model_fields_set:
        return settings.model_copy(update={"redis_url": own})
    return settings


def _answers(redis_url: str) -> bool:
    try:
        with connect_probe(Settings(redis_url=redis_url, store="local")) as redis:
            return bool(redis.ping())
    except RedisError:
        return False


def open_store(settings: Settings) -> ObjectStore:
    """Return the object store of the settings. Its `check` tests whether it can be used."""
    if settings.store == "minio":
        # The import takes a quarter of the start of the API, and a local store does not need it.
        from storage.objects.minio import MinioStore

        return MinioStore(settings)
    secret = settings.secret.get_secret_value()
    return LocalStore(settings.objects_dir, settings.public_url, secret)


def store_location(settings: Settings) -> str:
    """The place of the object store, for messages: `folder PATH` or `bucket NAME at ENDPOINT`."""
    if settings.store == "minio":
        return f"bucket {settings.minio_bucket} at {settings.minio_endpoint}"
    return f"folder {settings.objects_dir.resolve()}"


def is_outage(error: BaseException) -> bool:
    """Whether Redis is unreachable, loading, full or read-only, so that any command would fail."""
    if isinstance(error, RuntimeError):
        return CLOSED in str(error)
    no_answer = (
        RecordsUnavailable,
        ConnectionError,
        TimeoutError,
        InvalidResponse,
        MasterDownError,
        NoPermissionError,
    )
    is_busy = isinstance(error, ResponseError) and str(error).startswith(BUSY)
    return isinstance(error, no_answer) or is_busy or _cannot_write(error)


def raise_outage(error: Exception, store: ObjectStore) -> None:
    """Raise an error if Redis or the whole store is unavailable, not only a single record."""
    if is_outage(error):
        raise error
    store.check()


@contextmanager
def records_guard() -> Iterator[None]:
    """Raise `RecordsUnavailable` if Redis is unreachable, loading, full or read-only.

    Use it in a `with` block, or as a decorator: `@records_guard()`. A generator function needs a
    `with` block inside, because its body runs after the decorator has returned.
    """
    try:
        yield
    except RecordsUnavailable:
        raise
    except (RedisError, RuntimeError) as error:
        if is_outage(error):
            REDIS_ERRORS.labels(type(error).__name__).inc()
        if _cannot_write(error):
            raise RecordsUnavailable(
                f"Redis, which keeps the job records, cannot write: {error}. "
                "Try again once it has room."
            ) from error
        if is_outage(error):
            raise RecordsUnavailable(
                "Redis, which keeps the job records, does not answer. Try again in a moment."
            ) from error
        raise


def _cannot_write(error: BaseException) -> bool:
    if isinstance(error, OutOfMemoryError | ReadOnlyError):
        return True
    return isinstance(error, ResponseError) and any(word in str(error) for word in CANNOT_WRITE)
