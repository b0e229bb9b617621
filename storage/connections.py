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
"""Errors without a class in redis-py: Redis is up, but cannot write. Scripts of Redis 6 wrap the
errors of their commands."""
BUSY = "BUSY "
"""How the error begins that Redis answers to all while a script runs for more than 5 seconds."""
CLOSED = "handler is closed"
"""Part of uvloop's error for a connection that was closed."""
CONNECTIONS = 1000
"""Connections of a client at most: more than any process has threads. redis-py defaults to 100."""
ASYNC_CONNECTIONS = 8192
"""Connections of an async client at most: each job with waiting clients holds one. Redis accepts
10,000."""
PROBE_TIMEOUT_S = 1.0
"""Seconds that a check waits for a connection, and for a reply."""
BLOCK_S = 10.0
"""Time for which Redis blocks one read of an async client at most, seconds."""


def connect_redis(settings: Settings) -> Redis:
    """Return a client of the records' Redis. It connects with its first command; replies are bytes.

    A command is tried up to 4 times within about 2 seconds, so that a restart of Redis goes
    unnoticed. A command may therefore run twice, and must be safe to repeat.
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
    """Return a client for checks: it gives up after a second and tries nothing twice."""
    return Redis.from_url(
        settings.redis_url,
        decode_responses=False,
        socket_connect_timeout=PROBE_TIMEOUT_S,
        socket_timeout=PROBE_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        client_name="roadmask-probe",
    )


def connect_async_redis(settings: Settings) -> AsyncRedis:
    """Return an async client of the records' Redis, for many blocking reads at once.

    It retries as the other client does.
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
    """TCP's keep-alive, which a Unix socket does not take."""
    return {} if settings.redis_url.startswith("unix:") else {"socket_keepalive": True}


def command_settings(data_dir: Path | None = None) -> Settings:
    """The settings of a command beside a running service, with its data folder if that is named.

    `roadmask up` starts a Redis on a port and with a password of its own, which are in its folder.
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
        # The import takes a quarter of the API's start, and a local store does not need it.
        from storage.objects.minio import MinioStore

        return MinioStore(settings)
    secret = settings.secret.get_secret_value()
    return LocalStore(settings.objects_dir, settings.public_url, secret)


def is_outage(error: BaseException) -> bool:
    """Whether Redis is out of reach, loading, full or read-only, so that any command would fail."""
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
    """Raise if Redis or the whole store is away, and the error is not one of a single record."""
    if is_outage(error):
        raise error
    store.check()


@contextmanager
def records_guard() -> Iterator[None]:
    """Raise `RecordsUnavailable` when Redis is out of reach, loading, full or read-only.

    Use it in a `with` block, or as a decorator: `@records_guard()`. The decorator does not guard a
    generator function, whose body runs later: use a `with` block inside.
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
