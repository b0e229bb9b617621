"""Access: the caller of a request, the caller's permissions, and the audit log.

The API keys are in the object store. A process reads them again when their revision in Redis has
changed. It checks the revision at most every `CHECK_S` seconds, and for every key that it does not
know.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, NamedTuple

from fastapi import Request
from redis.asyncio import Redis
from redis.exceptions import RedisError

from roadmask.errors import (
    InsufficientScope,
    JobNotFound,
    RoadmaskError,
    StoreUnavailable,
    TooManyRequests,
    Unauthorized,
)
from roadmask.hashing import sha256_of
from roadmask.settings import Settings
from storage.access.api_key import ApiKey, Scope, key_id_of
from storage.access.api_keys import CHECK_S, REVISION, ApiKeys
from storage.access.audit_log import MAX_ENTRIES, STREAM
from storage.access.caller import ANYBODY, Caller, caller_of, caller_of_hash
from storage.access.job_sharing import READERS
from storage.access.key_usage import MINUTE, RateWindow, rate_key, rate_window
from storage.access.readers import Readers
from storage.connections import records_guard
from storage.jobs.keys import job_key

log = logging.getLogger(__name__)

REVISION_S = 0.5
"""Longest wait for the revision, seconds, so that a hanging Redis does not block every request."""
RECORD_S = 3.0
"""Longest wait for an entry of the audit log, seconds."""
REREAD_S = 60.0
"""Time after which the keys are read again even if the revision is the same, seconds."""
LIST_S = 5.0
"""Longest wait for changed keys, seconds, so that a hanging object store does not block every
request."""
BULK_READS = frozenset({"job_archive", "job_results", "job_annotations"})
"""Names of the routes that read whole jobs."""
OF_OWNERS = frozenset({"list_deliveries", "get_job_sharing"})
"""Names of the GET routes that only the owner of a job may use, not the keys it is shared with."""
READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
ADMIN_PREFIX = "/v1/models"
"""Beginning of the paths that only the scope `admin` may change."""
UNRECORDED = frozenset({"missing_images", "missing_truths", "label_studio_setup"})
"""Names of the POST routes that change nothing."""


class Listing(NamedTuple):
    """A reading of all keys that is in progress."""

    task: asyncio.Task[list[ApiKey]]
    revision: Any
    """Revision of the keys when the reading began."""
    begun: float


class Access:
    """Authenticates the caller of a request, and checks the caller's permissions."""

    def __init__(self, settings: Settings, keys: ApiKeys, redis: Redis) -> None:
        self._hashes = settings.api_key_hashes
        self._no_keys = settings.no_keys
        self._keys = keys
        self._redis = redis
        self._known: dict[str, ApiKey] | None = None
        self._revision: Any = None
        self._checked = self._read = float("-inf")
        self._reading = asyncio.Lock()
        self._listing: Listing | None = None

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def forget(self) -> None:
        """Let the next request read the keys again."""
        self._known = None

    async def read_ahead(self) -> None:
        """Read the keys before the first request, so that a hanging store does not block it."""
        try:
            async with self._reading:
                await self._refresh()
        except Exception as error:
            log.warning("the API keys are read with the first request: %s", error)
        self._checked = float("-inf")

    async def caller(self, text: str | None, address: str) -> Caller:
        """The caller with this key text; `address` is the address on which the service was reached.

        Raises `Unauthorized`, and `StoreUnavailable` if the keys were never read.
        """
        if text and (listed := self._listed(text)):
            return listed
        known = await self._current()
        if not known and not self._hashes:
            if not self._no_keys and not is_local(address):
                raise Unauthorized(
                    "This service has no keys yet, so it answers on its own machine only. Its "
                    "operator creates one with `roadmask keys create NAME`, or sets "
                    "ROADMASK_NO_KEYS=true to serve without keys."
                )
            return ANYBODY
        if not text:
            raise Unauthorized("Send your key as `Authorization: Bearer KEY` or `X-API-Key: KEY`.")
        key_id = key_id_of(text)
        if key_id is not None and key_id not in known:
            known = await self._current(at_once=True)
        key = known.get(key_id or "")
        if key is None or not key.opens_with(text):
            raise Unauthorized(
                "This key is not one of the service's. Check it, or ask its operator for one."
            )
        if key.revoked_ms is not None:
            raise Unauthorized("This key was revoked. Ask the service's operator for another one.")
        if key.is_expired():
            raise Unauthorized("This key has expired. Ask the service's operator for another one.")
        return caller_of(key)

    async def admits(self, caller: Caller) -> bool:
        """Whether the key of a caller is still valid, neither revoked nor expired.

        Long answers check this repeatedly. Raises `StoreUnavailable` if the keys were never read.
        """
        if caller.key is None and caller.owner is not None:
            return True
        known = await self._current()
        if caller.key is None:
            return not known and not self._hashes
        key = known.get(caller.key.id)
        return key is not None and key.revoked_ms is None and not key.is_expired()

    async def take_request(self, caller: Caller) -> RateWindow | None:
        """Count a request of a key with a rate limit. Returns None for a key without one."""
        if caller.key is None or caller.key.rate is None:
            return None
        counter = rate_key(caller.key.id)
        with records_guard():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.incr(counter)
                pipe.expire(counter, 2 * MINUTE)
                used, _ = await pipe.execute()
        return rate_window(caller.key.rate, int(used))

    async def record(self, scope: Mapping[str, Any], caller: Caller, status: int) -> None:
        """Add a request to the audit log if it changed something or read a whole job.

        A route that goes on for long after the change calls this itself. A request is added once.
        """
        state, route = scope["state"], scope.get("route")
        name = getattr(route, "name", "")
        changes = scope["method"] not in READ_METHODS and name not in UNRECORDED
        if status >= 400 or route is None or not (changes or name in BULK_READS):
            return
        if state.get("is_recorded"):
            return
        state["is_recorded"] = True
        client = scope.get("client") or ("",)
        entry: dict[Any, Any] = {
            "key": caller.name,
            "owner": caller.owner or "",
            "action": name,
            "path": scope["path"][:600],
            "client": str(client[0]),
        }
        try:
            async with asyncio.timeout(RECORD_S):
                await self._redis.xadd(STREAM, entry, maxlen=MAX_ENTRIES, approximate=True)
        except Exception as error:
            # The change was made, so the client gets a normal answer.
            cause = f"{type(error).__name__}: {error}"
            log.warning("the audit log has no entry for %s: %s", entry, cause)

    async def check_job(self, request: Request) -> None:
        """Check that the caller may use the job of a route.

        All routes depend on this, so that no route can forget it. Raises `JobNotFound` for a job
        that the caller may not read, and `InsufficientScope` for a job that it may only read.
        """
        job_id = request.path_params.get("job_id")
        if job_id is not None:
            await self.check_use(job_id, request)

    async def check_use(self, job_id: str, request: Request) -> None:
        """Check that the caller may use a job that the request names. Raises like `check_job`."""
        caller: Caller = getattr(request.state, "caller", ANYBODY)
        if caller.sees_all:
            return
        with records_guard():
            fields: Any = await self._redis.hmget(job_key(job_id), "state", "owner", READERS)
        state, owner, readers = (field.decode() if field else None for field in fields)
        if state is None or caller.owns(owner):
            return
        if not caller.sees(owner) and not Readers.parse(readers or "").include(caller.owner):
            raise JobNotFound(f"There is no job {job_id!r}. Check the id.")
        route = getattr(request.scope.get("route"), "name", "")
        if request.method not in READ_METHODS or route in OF_OWNERS:
            raise InsufficientScope(
                f"Job {job_id} is shared with this key, which may read it. Its webhook, its "
                "sharing and changes are for the key that it belongs to, or one with the scope "
                "`admin`."
            )

    def _listed(self, text: str) -> Caller | None:
        """The caller with a key of the settings, if it is one. The search takes constant time."""
        digest = sha256_of(text.encode())
        matches = [known for known in self._hashes if hmac.compare_digest(digest, known)]
        return caller_of_hash(matches[0]) if matches else None

    async def _current(self, *, at_once: bool = False) -> dict[str, ApiKey]:
        if not at_once and time.monotonic() - self._checked < CHECK_S and self._known is not None:
            return self._known
        begun = time.monotonic()
        async with self._reading:
            if self._known is None or self._checked < begun:
                await self._refresh()
            assert self._known is not None
            return self._known

    async def _refresh(self) -> None:
        now = time.monotonic()
        revision = self._revision
        # Without Redis, the known keys stay valid, and /metrics must still answer at once.
        with suppress(RedisError, OSError):
            async with asyncio.timeout(REVISION_S):
                revision = await self._redis.get(REVISION)
        has_changed = self._known is None or revision != self._revision
        if has_changed or now - self._read > REREAD_S:
            await self._read_again(revision, LIST_S if has_changed else 0.0)
        self._checked = now

    async def _read_again(self, revision: Any, wait_s: float) -> None:
        """Read the keys. While the store fails or hangs, the known keys stay valid.

        Only one listing runs at a time. All callers together wait for it at most `wait_s`.
        """
        listing = self._listing
        if listing is None:
            task = asyncio.create_task(asyncio.to_thread(self._keys.list))
            listing = self._listing = Listing(task, revision, time.monotonic())
        until = listing.begun + wait_s
        await asyncio.wait([listing.task], timeout=max(0.0, until - time.monotonic()))
        if not listing.task.done():
            if self._known is None:
                raise StoreUnavailable(
                    "The object store, which keeps the API keys, does not answer. Try again in a "
                    "moment."
                )
            return
        self._listing = None
        try:
            keys = listing.task.result()
        except RoadmaskError as error:
            if self._known is None:
                raise
            log.warning("the API keys could not be read again: %s", error.detail)
        else:
            self._known = {key.id: key for key in keys}
            self._revision, self._read = listing.revision, listing.begun


def needed_scope(method: str, path: str) -> Scope:
    """The scope of the keys that may send such requests."""
    if method in READ_METHODS:
        return Scope.READ
    return Scope.ADMIN if path.startswith(ADMIN_PREFIX) else Scope.SUBMIT


def check_scope(caller: Caller, method: str, path: str) -> None:
    """Raise `InsufficientScope` unless the caller may send such requests."""
    scope = needed_scope(method, path)
    if not caller.may(scope):
        raise InsufficientScope(
            f"This needs a key with the scope `{scope}`; yours has "
            f"{', '.join(sorted(caller.scopes))}. Ask the service's operator for another key."
        )


def check_rate(window: RateWindow | None) -> None:
    """Raise `TooManyRequests` beyond the rate of a key."""
    if window is not None and window.is_over:
        raise TooManyRequests(
            f"This key may send {window.limit} requests a minute. Go on in {window.reset_s} s."
        )


def is_local(address: str) -> bool:
    """Whether only this machine reaches the address: a loopback address, or a Unix socket."""
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return address == "localhost" or address.startswith("/")
