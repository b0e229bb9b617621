"""Checks of Redis in the settings: connection, rights, durability, and Celery's queue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, urlsplit

from redis import Redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    InvalidResponse,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)

from roadmask.errors import RoadmaskError
from roadmask.local.finding import CheckFailed, Finding, Remark, find
from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.connections import connect_probe
from storage.queue import JobQueue
from storage.settings_check.network_fault import ServerAddress, check_certificates, explain
from storage.telemetry.service_state import PROBE, PROBE_TTL_S

SETTING = "ROADMASK_REDIS_URL"
OLDEST = (6, 2)
"""The oldest version of Redis that is tested."""
SCRIPT = f"return redis.call('SET', KEYS[1], 'checked', 'EX', {PROBE_TTL_S})"
ADVICE = {
    "DENIED": "Redis is in protected mode: it serves its own machine only, because it has no "
    "password. Give it one (`requirepass`) and put it into ROADMASK_REDIS_URL, or, on a closed "
    "network, start it with `--protected-mode no`.",
    "OOM": "Redis is full. Raise its `maxmemory`, or delete other data that is stored in it.",
    "READONLY": "Redis is a replica and takes no writes. Name its primary in ROADMASK_REDIS_URL.",
    "MISCONF": "Redis cannot write to its disk, so it refuses changes. Make room on that disk.",
    "NOREPLICAS": "Redis has too few replicas (`min-replicas-to-write`) and refuses changes.",
    "NOPERM": "The account of ROADMASK_REDIS_URL lacks a right. It needs `~rm:* &* +@all "
    "-@dangerous +info +client`.",
    "NOAUTH": "Redis asks for a password. Write it into ROADMASK_REDIS_URL: "
    "redis://:PASSWORD@HOST:6379/0.",
    "WRONGPASS": "Redis refuses the name or the password in ROADMASK_REDIS_URL. Write special "
    "characters of a password as %XX.",
    "invalid DB index": "Redis has no database of this number: use /0 at the end of "
    "ROADMASK_REDIS_URL.",
    "DB index is out of range": "Redis has no database of this number: use /0 at the end of "
    "ROADMASK_REDIS_URL.",
}
"""Cause and remedy, by a word in the reply of Redis."""


def check_records(settings: Settings) -> Iterator[Finding]:
    """Findings on Redis: connection, kind, writes, durability and queue.

    Without a connection, the first finding is the only one.
    """
    address = _address(settings)

    def found(name: str, check: Callable[[], str]) -> Finding:
        return find(name, lambda: _explained(check, address))

    with connect_probe(settings) as redis:
        reached = found("Redis", lambda: _reach(redis, settings.redis_url, address))
        yield reached
        if not reached.ok:
            return
        yield found("Redis kind", lambda: _kind(redis))
        yield found("Redis writes", lambda: _write(redis))
        yield found("Redis keeps jobs", lambda: _keep(redis))
    yield found("queue", lambda: _queue(settings))


def _address(settings: Settings) -> ServerAddress:
    url = urlsplit(settings.redis_url)
    is_socket = url.scheme == "unix"
    return ServerAddress(
        host=url.path if is_socket else str(url.hostname),
        port=0 if is_socket else url.port or 6379,
        secure=url.scheme == "rediss",
        setting=SETTING,
        use_tls=f"Begin {SETTING} with rediss://.",
        use_plain=f"Begin {SETTING} with redis:// if it has no TLS.",
        trust=f"Add ?ssl_ca_certs=/path/ca.pem to {SETTING}, the certificate of its authority.",
    )


def _explained(check: Callable[[], str], address: ServerAddress) -> str:
    """The result of a check. Raises `CheckFailed` with an explanation for an error of Redis."""
    try:
        return check()
    except (CheckFailed, Remark):
        raise
    except (RedisError, OSError, RoadmaskError) as error:
        raise CheckFailed(_sentence(error, address)) from error


def _sentence(error: Exception, address: ServerAddress) -> str:
    causes = f"{error} {error.__cause__ or ''}"
    for word, advice in ADVICE.items():
        if word in causes:
            return advice
    if isinstance(error, BusyLoadingError):
        return f"Redis at {address} still loads its data. Try again in a moment."
    if isinstance(error, AuthenticationError):
        return ADVICE["WRONGPASS" if "invalid" in str(error) else "NOAUTH"]
    if isinstance(error, InvalidResponse):
        return f"The server at {address} is no Redis. Correct {SETTING}."
    if isinstance(error, NoPermissionError):
        return f"{ADVICE['NOPERM']} ({error})"
    if isinstance(error, OutOfMemoryError | ReadOnlyError):
        return ADVICE["OOM" if isinstance(error, OutOfMemoryError) else "READONLY"]
    return explain(error, address) or f"Redis at {address} fails: {type(error).__name__}: {error}."


def _reach(redis: Redis, url: str, address: ServerAddress) -> str:
    for name, file in parse_qsl(urlsplit(url).query):
        if name in ("ssl_ca_certs", "ssl_certfile"):
            check_certificates(file, f"{name} in {SETTING}")
    redis.ping()
    return f"answers at {address}{' over TLS' if address.secure else ''}"


def _kind(redis: Redis) -> str:
    facts = redis.info("server") | redis.info("cluster") | redis.info("replication")
    is_valkey = facts.get("server_name") == "valkey"
    name = "Valkey" if is_valkey else "Redis"
    version = str(facts.get("valkey_version" if is_valkey else "redis_version", "0"))
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST:
        raise CheckFailed(
            f"{name} {version} is too old: the service is tested on Redis "
            f"{OLDEST[0]}.{OLDEST[1]} and newer."
        )
    if facts.get("cluster_enabled"):
        raise CheckFailed(
            f"{name} {version} is a cluster, and the scripts that commit items need all keys of a "
            "job on one server. Use a single server, with a replica if you like."
        )
    if facts.get("role") == "slave":
        raise CheckFailed(ADVICE["READONLY"])
    return f"{name} {version}, a single server"


def _write(redis: Redis) -> str:
    redis.set(PROBE, b"checked", ex=PROBE_TTL_S)
    redis.eval(SCRIPT, 1, PROBE)
    if redis.get(PROBE) != b"checked":
        raise CheckFailed("Redis did not keep the value written. Is there a proxy before it?")
    return "a value and a script were written"


def _keep(redis: Redis) -> str:
    memory, disk = redis.info("memory"), redis.info("persistence")
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and memory.get("maxmemory"):
        raise CheckFailed(
            f"Redis may throw records away when it is full (maxmemory-policy {policy}). Set "
            "`maxmemory-policy noeviction`: then it refuses new jobs instead."
        )
    if not disk.get("aof_enabled"):
        raise Remark(
            "Redis writes no append-only file. After a crash the jobs are rebuilt from the object "
            "store, which takes a while; set `appendonly yes` if you can."
        )
    if disk.get("aof_last_write_status", "ok") != "ok":
        raise CheckFailed("Redis could not write its append-only file. Make room on its disk.")
    return "evicts nothing and writes an append-only file"


def _queue(settings: Settings) -> str:
    with connect_probe(settings) as redis:
        queue = JobQueue(redis, settings)
        queue.check()
        depths = {lane: queue.depth(lane) for lane in Lane}
    waiting = ", ".join(f"{number} in {lane}" for lane, number in depths.items())
    return f"Celery connects; messages: {waiting}"
