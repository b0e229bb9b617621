"""Checks of the object store in the settings: server, rights of the account, bucket and links."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import httpx

from roadmask.errors import ObjectNotFound, RoadmaskError, StoreUnavailable
from roadmask.local.finding import CheckFailed, Finding, Remark, find
from roadmask.schemas.media_types import OCTET_STREAM
from roadmask.settings import Settings
from storage.connections import open_store, store_location
from storage.objects.minio import UNKNOWN_ACCOUNT
from storage.objects.store import ObjectStore
from storage.settings_check.network_fault import (
    ServerAddress,
    check_certificates,
    explain,
    speaks_tls,
)

PREFIX = "probe!/"
KEY = f"{PREFIX}settings"
LINK_TTL = timedelta(minutes=1)
LINK_TIMEOUT_S = 5.0
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "Forbidden"})
ADVICE = {
    **dict.fromkeys(
        UNKNOWN_ACCOUNT,
        "The S3 server knows no account {account!r}. Correct ROADMASK_MINIO_ACCESS_KEY.",
    ),
    "SignatureDoesNotMatch": "The secret of the account {account!r} is wrong. Correct "
    "ROADMASK_MINIO_SECRET_KEY. If it is right, a proxy before the server changes the header Host.",
    "RequestTimeTooSkewed": "The clocks of this machine and of the S3 server differ by more than "
    "15 minutes. Set both by NTP.",
    "AuthorizationHeaderMalformed": "The S3 server is in another region ({message}). Correct "
    "ROADMASK_MINIO_REGION.",
    "PermanentRedirect": "The bucket is in another region. Correct ROADMASK_MINIO_REGION and "
    "ROADMASK_MINIO_ENDPOINT.",
    "InvalidBucketName": "The S3 server refuses the bucket name {bucket!r}. Choose another in "
    "ROADMASK_MINIO_BUCKET.",
    "BucketAlreadyExists": "The bucket {bucket!r} belongs to another account. Choose another name "
    "in ROADMASK_MINIO_BUCKET.",
}
"""Cause and remedy, by the error code of the S3 server."""
RIGHTS = {"list": "s3:ListBucket", "write": "s3:PutObject", "read": "s3:GetObject"}
RIGHTS |= {"delete": "s3:DeleteObject", "make": "s3:CreateBucket"}


def check_objects(settings: Settings) -> Iterator[Finding]:
    """A finding for the store, for each right of the account, and for the links of masks."""
    if settings.store == "minio":
        yield find("certificates", _authorities)
    try:
        store = open_store(settings)
    except RoadmaskError as error:
        yield Finding("object store", False, error.detail)
        return
    check = _StoreCheck(settings, store)
    reached = find("object store", check.reach)
    yield reached
    if not reached.ok:
        return
    for right in (check.list, check.write, check.read):
        yield find(f"store: {right.__name__}", right)
    yield find("mask links", check.link)
    yield find("store: delete", check.delete)


class _StoreCheck:
    """Checks each right separately, so that a missing right does not hide the others."""

    def __init__(self, settings: Settings, store: ObjectStore) -> None:
        self._settings = settings
        self._store = store
        self._data = secrets.token_bytes(4096)
        self._has_written = False

    def reach(self) -> str:
        """List as the account; make the bucket or the folder if it is missing."""
        settings = self._settings
        if settings.store == "local":
            self._store.check()
            return f"the {store_location(settings)}"
        code = self._try(lambda: next(self._store.keys(PREFIX), None))
        if code == "NoSuchBucket":
            if self._try(self._store.check, right="make") in DENIED:
                raise CheckFailed(self._denied("make"))
            return f"the {store_location(settings)} was made"
        return f"the {store_location(settings)}"

    def list(self) -> str:
        return self._right("list", lambda: next(self._store.keys(PREFIX), None))

    def write(self) -> str:
        found = self._right("write", lambda: self._store.put(KEY, self._data, OCTET_STREAM))
        self._has_written = True
        return found

    def read(self) -> str:
        def read() -> None:
            try:
                data = self._store.get(KEY)
            except ObjectNotFound:
                if self._has_written:
                    raise CheckFailed(
                        "The object that was written does not exist. Is it one server?"
                    ) from None
                return
            if self._has_written and data != self._data:
                raise CheckFailed("The bytes read differ from those written. Check the server.")

        return self._right("read", read)

    def delete(self) -> str:
        found = self._right("delete", lambda: self._store.delete(KEY))
        is_there: list[bool] = []
        self._try(lambda: is_there.append(self._store.exists(KEY)))
        if self._has_written and any(is_there):
            raise CheckFailed("The object is still there after its deletion. Is the bucket locked?")
        return found

    def link(self) -> str:
        """Fetch an object as a client does, at the public address."""
        settings = self._settings
        if not self._has_written:
            raise Remark("not tried, because nothing could be written")
        url = self._store.url(KEY, LINK_TTL)
        if settings.store == "local":
            return "signed by ROADMASK_SECRET"
        address = _address(settings, public=True)
        try:
            answer = httpx.get(url, timeout=LINK_TIMEOUT_S)
        except httpx.HTTPError as error:
            why = explain(error, address) or str(error)
            if settings.minio_public_url and "certificate" not in why and "TLS" not in why:
                raise Remark(
                    f"{why} Clients elsewhere may reach it; this machine does not."
                ) from None
            raise CheckFailed(why) from error
        if answer.content == self._data:
            return f"fetched from {address}"
        if answer.status_code == httpx.codes.FORBIDDEN:
            raise CheckFailed(
                f"{address} refuses the signed link. A proxy there must pass the header Host as it "
                f"is, and lead to the server of ROADMASK_MINIO_ENDPOINT ({_code_in(answer.text)})."
            )
        raise CheckFailed(
            f"{address} answers {answer.status_code} and not the object. Check {address.setting}."
        )

    def _right(self, right: str, action: Callable[[], object]) -> str:
        code = self._try(action, right=right)
        if code in DENIED:
            raise CheckFailed(self._denied(right))
        return "allowed"

    def _denied(self, right: str) -> str:
        settings = self._settings
        bucket, account = settings.minio_bucket, settings.minio_access_key
        if right == "make":
            return (
                f"There is no bucket {bucket!r}, and the account {account!r} may not make it. Make "
                f"it, or grant {RIGHTS[right]}."
            )
        what = bucket if right == "list" else f"{bucket}/{settings.minio_prefix}*"
        return f"The account {account!r} may not {right} here. Grant {RIGHTS[right]} on {what}."

    def _try(self, action: Callable[[], object], right: str = "list") -> str | None:
        """Run the action. Returns None, or the error code if a right or the bucket is missing.

        Raises `CheckFailed` for every other failure.
        """
        try:
            action()
        except StoreUnavailable as error:
            code = str(getattr(error.__cause__, "code", ""))
            if code in DENIED or code == "NoSuchBucket":
                return code
            raise CheckFailed(self._sentence(error, code)) from error
        return None

    def _sentence(self, error: StoreUnavailable, code: str) -> str:
        settings = self._settings
        if code in ADVICE:
            message = getattr(error.__cause__, "message", "")
            account, bucket = settings.minio_access_key, settings.minio_bucket
            return ADVICE[code].format(account=account, bucket=bucket, message=message)
        if settings.store == "local" or code:
            return error.detail
        address = _address(settings, public=False)
        if fault := explain(error, address):
            return fault
        if not address.secure and speaks_tls(address):
            return f"{address} speaks TLS. {address.use_tls}"
        return f"The server at {address} is no S3 server. Correct ROADMASK_MINIO_ENDPOINT."


def _address(settings: Settings, public: bool) -> ServerAddress:
    scheme = "https" if settings.minio_secure else "http"
    url = urlsplit(f"{scheme}://{settings.minio_endpoint}")
    setting, secure = "ROADMASK_MINIO_ENDPOINT", "Set ROADMASK_MINIO_SECURE={}."
    use_tls, use_plain = secure.format("true"), secure.format("false")
    if public and settings.minio_public_url:
        url = urlsplit(settings.minio_public_url)
        setting = "ROADMASK_MINIO_PUBLIC_URL"
        use_tls, use_plain = f"Begin {setting} with https://.", f"Begin {setting} with http://."
    return ServerAddress(
        host=str(url.hostname),
        port=url.port or (443 if url.scheme == "https" else 80),
        secure=url.scheme == "https",
        setting=setting,
        use_tls=use_tls,
        use_plain=use_plain,
        trust="Set SSL_CERT_FILE to a file with the certificate of its authority.",
    )


def _authorities() -> str:
    named = os.environ.get("SSL_CERT_FILE")
    if named:
        check_certificates(named, "SSL_CERT_FILE")
    return f"authorities of {named}" if named else "authorities of the package certifi"


def _code_in(text: str) -> str:
    return text.partition("<Code>")[2].partition("</Code>")[0] or "403"
