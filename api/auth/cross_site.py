"""Protection of a service without keys against pages of other sites.

The scripts of such a page run in a browser on the same machine or network, so they can reach the
service although the site itself cannot.
"""

from __future__ import annotations

from ipaddress import ip_address
from socket import gethostname
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from roadmask.errors import CrossSiteRequest

SAFE_METHODS = ("GET", "HEAD")
PRIVATE = (".home.arpa", ".internal", ".localhost")
"""Suffixes of domains that nobody can register, which containers, clusters and homes use. Without
`.local`, because any machine on the network may answer for such a name."""
ADVICE = (
    "This service has no API keys, so it refuses requests from other sites. If this address is "
    "yours, set ROADMASK_PUBLIC_URL to the URL that your users open, or create a key with "
    "`roadmask keys create NAME`, so that the service asks for keys."
)


def refuse_cross_site(method: str, headers: Headers, public_url: str) -> None:
    """Raise `CrossSiteRequest` for a request that a page of another site can make a browser send.

    Such a page can read answers only when its own domain resolves to this address (DNS rebinding),
    so the only public domain accepted as `Host` is that of `public_url`. A form that such a page
    submits carries the page's `Origin`.
    """
    host, own = headers.get("host", ""), urlsplit(public_url)
    name = _host_name(host)
    if not (_is_private(name) or name == own.hostname):
        raise CrossSiteRequest(f"The request is for {name[:100]!r}. {ADVICE}")
    if method in SAFE_METHODS:
        return
    origin = headers.get("origin")
    if origin is None:
        if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise CrossSiteRequest(f"A page of another site sent the request. {ADVICE}")
        return
    if origin.partition("://")[2] not in (host, own.netloc):
        raise CrossSiteRequest(f"The request comes from a page of {origin[:100]!r}. {ADVICE}")


def _host_name(host: str) -> str:
    """The `Host` header without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return host


def _is_private(name: str) -> bool:
    """Whether nobody else can own the name: an IP address, or a name such as `localhost`."""
    try:
        ip_address(name)
    except ValueError:
        own = f"{gethostname().partition('.')[0].lower()}.local"
        return "." not in name or name.endswith(PRIVATE) or name == own
    return True
