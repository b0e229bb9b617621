"""Pages of other sites, whose scripts could use a service that asks for no key.

They run in browsers that reach it: on the same machine, or in the same network.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request

from roadmask.errors import CrossSiteRequest

READING = ("GET", "HEAD")
PRIVATE = (".home.arpa", ".internal", ".local", ".localhost")
"""Domains that nobody can register: those of containers, clusters and homes end so."""
ADVICE = (
    "This service asks for no keys, so it takes nothing from there. If it is yours, set "
    "ROADMASK_PUBLIC_URL to the URL of the service as its users have it, or ask for keys with "
    "ROADMASK_API_KEY_HASHES."
)


def refuse_cross_site(request: Request, public_url: str) -> None:
    """Raise `CrossSiteRequest` for what a page of another site may have made a browser send.

    Such a page can read answers only when its own domain was turned to this address (DNS
    rebinding), and of domains only that of `public_url` is ours. What it writes blindly, by a form,
    has its `Origin`.
    """
    host, own = request.headers.get("host", ""), urlsplit(public_url)
    name = _name(host)
    if not (_is_private(name) or name == own.hostname):
        raise CrossSiteRequest(f"The request is for {name[:100]!r}. {ADVICE}")
    origin = request.headers.get("origin")
    if origin is None or request.method in READING:
        return
    if origin.partition("://")[2] not in (host, own.netloc):
        raise CrossSiteRequest(f"The request comes from a page of {origin[:100]!r}. {ADVICE}")


def _name(host: str) -> str:
    """A `Host` header without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return host


def _is_private(name: str) -> bool:
    """Whether nobody elsewhere can own the name: an address, or `localhost` and its like."""
    try:
        ip_address(name)
    except ValueError:
        return "." not in name or name.endswith(PRIVATE)
    return True
