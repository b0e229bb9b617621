"""Checks of the data folder, the public URL and the webhook hosts in the settings."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_network
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from roadmask.local.finding import CheckFailed, Finding, Remark, find
from roadmask.settings import Settings
from storage.settings_check.network_fault import ServerAddress, explain

TIMEOUT_S = 5.0


def check_addresses(settings: Settings) -> Iterator[Finding]:
    """Findings on the data folder, the public URL of the API, and the webhook receivers."""
    yield find("data folder", lambda: _data_folder(settings))
    yield find("public URL", lambda: _public_url(settings))
    for host in settings.webhook_hosts:
        if not _is_network(host):
            yield find(f"webhook host {host}", lambda host=host: _webhook_host(host))  # type: ignore[misc]
    if settings.webhook_hosts and not settings.webhook_secret.get_secret_value():
        yield Finding(
            "webhook secret",
            False,
            "ROADMASK_WEBHOOK_HOSTS allows webhooks, and ROADMASK_WEBHOOK_SECRET is empty, so none "
            "can be signed. Set it to whsec_ and `openssl rand -base64 32`.",
        )


def _data_folder(settings: Settings) -> str:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f"probe-{uuid4().hex}"
        probe.write_bytes(b"probe")
        probe.unlink()
    except OSError as error:
        raise CheckFailed(
            f"{folder.absolute()} cannot be written ({error.strerror}). Choose another folder in "
            "ROADMASK_DATA_DIR, or change its owner."
        ) from error
    return f"{folder.absolute()} can be written"


def _public_url(settings: Settings) -> str:
    url = urlsplit(settings.public_url)
    address = ServerAddress(
        host=str(url.hostname),
        port=url.port or (443 if url.scheme == "https" else 80),
        secure=url.scheme == "https",
        setting="ROADMASK_PUBLIC_URL",
        use_tls="Begin ROADMASK_PUBLIC_URL with https://.",
        use_plain="Begin ROADMASK_PUBLIC_URL with http://.",
        trust="Set SSL_CERT_FILE to a file with the certificate of its authority.",
    )
    try:
        answer = httpx.get(f"{settings.public_url}/healthz", timeout=TIMEOUT_S)
    except httpx.HTTPError as error:
        why = explain(error, address) or f"{address} fails: {error}."
        if "certificate" in why or "TLS" in why:
            raise CheckFailed(why) from error
        raise Remark(f"{why} This is normal if the API does not run yet.") from None
    with suppress(ValueError):
        if answer.is_success and isinstance(answer.json(), dict):
            return f"the API answers at {settings.public_url}"
    raise CheckFailed(
        f"{settings.public_url}/healthz answers {answer.status_code} and is no Roadmask. Correct "
        "ROADMASK_PUBLIC_URL, or the path that the proxy removes."
    )


def _webhook_host(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, 443, proto=socket.IPPROTO_TCP)
    except socket.gaierror:
        raise CheckFailed(
            f"The name {host} has no address. Correct ROADMASK_WEBHOOK_HOSTS."
        ) from None
    return f"has the address {found[0][4][0]}"


def _is_network(entry: str) -> bool:
    with suppress(ValueError):
        ip_network(entry, strict=False)
        return True
    return False
