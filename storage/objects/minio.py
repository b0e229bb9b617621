"""An object store on MinIO or any other S3 server.

It uses only the calls that all S3 servers have: put, get, head, delete, list, and presigned GET.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import certifi
import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from roadmask.errors import InvalidRequest, ObjectNotFound, StoreUnavailable
from roadmask.schemas.media_types import OCTET_STREAM
from roadmask.settings import Settings
from storage.objects.keys import check_key, check_prefix, is_key
from storage.objects.store import BLOCK, ObjectInfo
from storage.telemetry.metrics import STORE_ERRORS

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3.0, 20.0
CONNECTIONS = 32
"""Size of the connection pool. Further threads open connections of their own."""
PROBE_KEY = "probe!/check"
"""Object that `check` writes."""
PROBE_BYTES = 16 * 1024
PART_BYTES = 16 * 2**20
"""Files that are larger are uploaded in parts of this size, one after the other."""
RETRIES = urllib3.Retry(
    total=3, connect=2, read=1, backoff_factor=0.3, status_forcelist=(500, 502, 503, 504)
)
MISSING = frozenset({"NoSuchKey", "NoSuchObject", "ResourceNotFound"})
UNKNOWN_ACCOUNT = frozenset({"InvalidAccessKeyId", "XAdminUserNotFound"})
"""Codes of Amazon and of VersityGW for an unknown account."""
REFUSED = UNKNOWN_ACCOUNT | {"AccessDenied", "SignatureDoesNotMatch"}
BUCKET_EXISTS = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})


class MinioStore:
    """Objects in one bucket. URLs are signed for the public endpoint."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bucket = settings.minio_bucket
        self._prefix = settings.minio_prefix
        self._public = _public_client(settings)
        self._connect()

    @property
    def concurrency(self) -> int:
        return 8

    def put(self, key: str, data: bytes, content_type: str, *, durable: bool = True) -> None:
        """Store bytes under a key. The server decides how durable an object is."""
        self._put(key, io.BytesIO(data), len(data), content_type)

    def put_file(
        self, key: str, path: Path, content_type: str, *, handed_over: bool = False
    ) -> None:
        """Store a file, with at most `PART_BYTES` of it in memory."""
        with path.open("rb") as file:
            self._put(key, file, path.stat().st_size, content_type)

    def get(self, key: str) -> bytes:
        return b"".join(self._blocks(key))

    def stream(self, key: str) -> Iterator[bytes]:
        """Return the object in blocks of at most `BLOCK` bytes."""
        blocks = self._blocks(key)
        next(blocks)
        return blocks

    def info(self, key: str) -> ObjectInfo:
        check_key(key)
        with self._translated(key):
            facts = self._client.stat_object(self._bucket, self._prefix + key)
        return ObjectInfo(
            key=key,
            size=facts.size or 0,
            modified=facts.last_modified or datetime.now(UTC),
            content_type=facts.content_type or OCTET_STREAM,
        )

    def exists(self, key: str) -> bool:
        try:
            self.info(key)
        except ObjectNotFound:
            return False
        return True

    def delete(self, key: str) -> None:
        check_key(key)
        with self._translated(key):
            self._client.remove_object(self._bucket, self._prefix + key)

    def keys(self, prefix: str) -> Iterator[str]:
        """Iterate over the keys with `prefix`, in order, 1000 in one request.

        Names that are no valid keys are left out, because other programs may write to the bucket.
        Consoles, for example, mark a folder by an empty object whose name ends with a slash.
        """
        check_prefix(prefix)
        with self._translated(prefix):
            start = self._prefix + prefix
            for facts in self._client.list_objects(self._bucket, start, recursive=True):
                name = str(facts.object_name).removeprefix(self._prefix)
                if is_key(name):
                    yield name

    def url(self, key: str, ttl: timedelta) -> str:
        """Presign a URL of the public endpoint, without a network call."""
        name = self._prefix + check_key(key)
        return str(self._public.presigned_get_object(self._bucket, name, expires=ttl))

    def check(self) -> None:
        """Make a missing bucket, and write an object. Raises `StoreUnavailable`."""
        with self._translated(self._bucket):
            if not self._client.bucket_exists(self._bucket):
                self._make_bucket()
        # The bytes differ each time, so that no server can skip the write.
        self.put(PROBE_KEY, os.urandom(PROBE_BYTES), OCTET_STREAM)

    def _make_bucket(self) -> None:
        try:
            self._client.make_bucket(self._bucket, self._settings.minio_region)
        except S3Error as error:
            # Another process may have made the bucket.
            if error.code not in BUCKET_EXISTS:
                raise

    @property
    def _client(self) -> Minio:
        # A forked process must not share connections with its parent: replies would be mixed up.
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
                self._prefix + key,
                data,
                length,
                content_type=content_type,
                part_size=PART_BYTES,
                num_parallel_uploads=1,
            )

    def _blocks(self, key: str) -> Iterator[bytes]:
        check_key(key)
        with self._translated(key):
            response = self._client.get_object(self._bucket, self._prefix + key)
            try:
                # `stream` reads this first block: the response has begun, so the object exists.
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
            STORE_ERRORS.labels(str(error.code)).inc()
            raise StoreUnavailable(_refusal(where, error)) from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            STORE_ERRORS.labels(type(error).__name__).inc()
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
    # The SDK's default pool waits 5 minutes for each of 6 attempts: a dead store would block a
    # thread for half an hour. With a region the SDK needs no network call to find it.
    try:
        client = Minio(
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
    except ValueError as error:
        # The SDK refuses endpoints of Amazon that contain a bucket.
        raise InvalidRequest(
            f"ROADMASK_MINIO_ENDPOINT or ROADMASK_MINIO_PUBLIC_URL names {endpoint!r}: {error}. "
            "Give the endpoint without the bucket, such as s3.eu-central-1.amazonaws.com."
        ) from None
    if settings.minio_addressing == "virtual":
        _check_name(endpoint)
        client.enable_virtual_style_endpoint()
    elif settings.minio_addressing == "path":
        client.disable_virtual_style_endpoint()
    return client


def _public_client(settings: Settings) -> Minio:
    if not settings.minio_public_url:
        return _client(settings, settings.minio_endpoint, settings.minio_secure)
    url = urlsplit(settings.minio_public_url)
    return _client(settings, url.netloc, url.scheme == "https")


def _check_name(endpoint: str) -> None:
    """Raise `InvalidRequest` for an IP address, which has no virtual hosts."""
    with suppress(ValueError):
        ip_address(str(urlsplit(f"//{endpoint}").hostname))
        raise InvalidRequest(
            f"ROADMASK_MINIO_ADDRESSING=virtual needs an S3 server with a name, and {endpoint} is "
            "an IP address. Name the server, or choose `path`."
        )
