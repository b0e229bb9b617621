"""The object store on MinIO, or on any other server that speaks S3.

Of S3 only what all servers have is used: put, get, head, delete, list, and presigned GET.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import certifi
import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from roadmask.errors import ObjectNotFound, RoadmaskError, StoreUnavailable
from roadmask.settings import Settings
from storage.objects import BLOCK, ObjectInfo, attachment, check_key, check_prefix

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3.0, 20.0
CONNECTIONS = 32
"""Connections kept open; more threads than these still work, with connections of their own."""
PART_BYTES = 16 * 2**20
"""Larger files go up in parts of this size, one after the other."""
RETRIES = urllib3.Retry(
    total=3, connect=2, read=1, backoff_factor=0.3, status_forcelist=(500, 502, 503, 504)
)
MISSING = frozenset({"NoSuchKey", "NoSuchObject", "ResourceNotFound"})
REFUSED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})
BUCKET_EXISTS = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})


class MinioStore:
    """Objects in one bucket; URLs are signed for the endpoint where the clients are."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bucket = settings.minio_bucket
        self._public = _public_client(settings)
        self._connect()

    def put(self, key: str, data: bytes, content_type: str, *, spare: bool = False) -> None:
        """Store bytes under a key; how surely, is the server's choice."""
        self._put(key, io.BytesIO(data), len(data), content_type)

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Store a file; at most `PART_BYTES` of it are in memory."""
        with path.open("rb") as file:
            self._put(key, file, path.stat().st_size, content_type)

    def get(self, key: str) -> bytes:
        """The whole object."""
        return b"".join(self._blocks(key))

    def stream(self, key: str) -> Iterator[bytes]:
        """The object in blocks of at most `BLOCK` bytes."""
        blocks = self._blocks(key)
        next(blocks)
        return blocks

    def info(self, key: str) -> ObjectInfo:
        """Facts about the object."""
        check_key(key)
        with self._translated(key):
            facts = self._client.stat_object(self._bucket, key)
        return ObjectInfo(
            key=key,
            size=facts.size or 0,
            modified=facts.last_modified or datetime.now(UTC),
            content_type=facts.content_type or "application/octet-stream",
        )

    def exists(self, key: str) -> bool:
        """Whether the key is there."""
        try:
            self.info(key)
        except ObjectNotFound:
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove the object; a missing one is fine."""
        check_key(key)
        with self._translated(key):
            self._client.remove_object(self._bucket, key)

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys that begin with `prefix`, in order, listed a thousand at a time."""
        check_prefix(prefix)
        with self._translated(prefix):
            for facts in self._client.list_objects(self._bucket, prefix, recursive=True):
                yield str(facts.object_name)

    def url(self, key: str, ttl: timedelta, *, filename: str | None = None) -> str:
        """A presigned URL of the public endpoint; made without any network call."""
        saved_as = {"response-content-disposition": attachment(filename)} if filename else None
        return str(
            self._public.presigned_get_object(
                self._bucket, check_key(key), expires=ttl, response_headers=saved_as
            )
        )

    def check(self) -> None:
        """Make the bucket where it is missing. Raises `StoreUnavailable`."""
        with self._translated(self._bucket):
            if self._client.bucket_exists(self._bucket):
                return
            try:
                self._client.make_bucket(self._bucket, self._settings.minio_region)
            except S3Error as error:
                # Another process was faster.
                if error.code not in BUCKET_EXISTS:
                    raise

    @property
    def _client(self) -> Minio:
        # Connections made before a fork are the parent's: two processes would mix their answers.
        if self._pid != os.getpid():
            self._connect()
        return self._connected

    def _connect(self) -> None:
        settings = self._settings
        self._connected = _client(settings, settings.minio_endpoint, settings.minio_secure)
        self._pid = os.getpid()

    def _put(self, key: str, data: BinaryIO, length: int, content_type: str) -> None:
        check_key(key)
        with self._translated(key):
            self._client.put_object(
                self._bucket,
                key,
                data,
                length,
                content_type=content_type,
                part_size=PART_BYTES,
                num_parallel_uploads=1,
            )

    def _blocks(self, key: str) -> Iterator[bytes]:
        check_key(key)
        with self._translated(key):
            response = self._client.get_object(self._bucket, key)
            try:
                # Taken by `stream`: the answer has begun, so the key was not missing.
                yield b""
                yield from response.stream(BLOCK)
            finally:
                response.close()
                response.release_conn()

    @contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        where = self._settings.minio_endpoint
        try:
            yield
        except S3Error as error:
            if error.code in MISSING:
                raise ObjectNotFound(f"There is no object {key!r}.") from error
            raise StoreUnavailable(_refusal(where, error)) from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise StoreUnavailable(
                f"The object store at {where} does not answer as it should "
                f"({type(error).__name__}). Try again in a moment."
            ) from error


def _refusal(where: str, error: S3Error) -> str:
    if error.code in REFUSED:
        hint = "Check ROADMASK_MINIO_ACCESS_KEY and ROADMASK_MINIO_SECRET_KEY."
    elif error.code == "RequestTimeTooSkewed":
        hint = "Set the clocks of both machines."
    elif error.code == "NoSuchBucket":
        hint = "The bucket was removed; a restart of the service makes it again."
    else:
        hint = "Try again in a moment."
    return f"The object store at {where} refused: {error.code}, {error.message}. {hint}"


def _client(settings: Settings, endpoint: str, secure: bool) -> Minio:
    # The SDK's own pool waits 5 minutes for each of 6 attempts: a dead store would hold a thread
    # for half an hour. A region given here saves a network call, and presigning needs none at all.
    return Minio(
        endpoint,
        access_key=settings.minio_access_key,
        secret_key=settings.minio_secret_key.get_secret_value(),
        secure=secure,
        region=settings.minio_region,
        http_client=urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S),
            maxsize=CONNECTIONS,
            retries=RETRIES,
            cert_reqs="CERT_REQUIRED",
            ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where(),
        ),
    )


def _public_client(settings: Settings) -> Minio:
    if not settings.minio_public_url:
        return _client(settings, settings.minio_endpoint, settings.minio_secure)
    url = urlsplit(settings.minio_public_url)
    if url.scheme not in ("http", "https") or not url.netloc or url.path.strip("/"):
        raise RoadmaskError(
            f"ROADMASK_MINIO_PUBLIC_URL is {settings.minio_public_url!r}: give scheme and host "
            "alone, like https://masks.example.org, since S3 signatures cover the whole path."
        )
    return _client(settings, url.netloc, url.scheme == "https")
