"""Addresses of servers and buckets in settings, checked before anything connects.

Each function returns the address in the form in which it is used. It raises `ValueError` with the
cause and the remedy, and without the password that the address may have.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, parse_qsl, urlsplit

EXAMPLE = "a complete URL is redis://:PASSWORD@HOST:6379/0"
ESCAPE = "write special characters of a password as %XX"
TLS_OPTIONS = {
    "ssl_ca_certs": r".+",
    "ssl_certfile": r".+",
    "ssl_keyfile": r".+",
    "ssl_cert_reqs": r"none|optional|required",
    "ssl_check_hostname": r"true|false",
}
"""Parameters of a Redis URL with TLS, and their values as patterns."""
DEFAULT_PORTS = {"http": 80, "https": 443}

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\.?")
_NETLOC = re.compile(r"(\[[^\[\]]+\]|[^\[\]:@]+)(:([0-9]{1,5}))?")
_PART = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_BUCKET = re.compile(rf"(?=.{{3,63}}\Z){_PART}(\.{_PART})*")
_PATH = re.compile(r"(/(?!\.{1,2}(/|\Z))([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*")


def check_host(host: str) -> str:
    """A host name, or an IP address."""
    try:
        ip_address(host)
    except ValueError:
        if not _HOST.fullmatch(host):
            raise ValueError(f"{host!r} is no host name and no IP address") from None
    return host


def check_endpoint(endpoint: str) -> str:
    """`host`, or `host:port`."""
    try:
        _split(endpoint)
    except ValueError as error:
        raise ValueError(
            f"{endpoint!r} is not `host:port` ({error}). Leave out http:// and any path; "
            "ROADMASK_MINIO_SECURE=true chooses HTTPS"
        ) from None
    return endpoint


def check_bucket(name: str) -> str:
    """The name of a bucket that is valid on every S3 server."""
    is_reserved = name.startswith("xn--") or name.endswith(("-s3alias", "--ol-s3"))
    looks_like_ip = re.fullmatch(r"[0-9]+(\.[0-9]+){3}", name)
    if not _BUCKET.fullmatch(name) or is_reserved or looks_like_ip:
        raise ValueError(
            f"{name!r} is not a bucket name: it has 3 to 63 lower-case letters, digits, dots and "
            "dashes, begins and ends each part between dots with a letter or digit, and is neither "
            "an IP address nor reserved (xn--…, …-s3alias, …--ol-s3)"
        )
    return name


def base_url(url: str) -> str:
    """A URL with `http` or `https`, without a slash at its end, normalized as browsers do."""
    match = re.fullmatch(r"(https?)://([^/?#]*)([^?#]*)", url, re.IGNORECASE)
    if match is None:
        raise ValueError(
            f"{url!r} is not a URL of a server. Such a URL has http:// or https://, a host and "
            "perhaps a port and a path, and no `?` or `#`"
        )
    scheme, path = match[1].lower(), match[3].rstrip("/")
    if "@" in match[2]:
        raise ValueError("it has a password, which every client would see. Leave it out")
    try:
        host, port = _split(match[2])
    except ValueError as error:
        raise ValueError(f"{url!r} is not a URL of a server ({error})") from None
    if not _PATH.fullmatch(path):
        raise ValueError(
            f"the path of {url!r} is not in its final form: leave out `//`, `.` and `..`, and "
            "write special characters as %XX"
        )
    named = port is not None and port != DEFAULT_PORTS[scheme]
    return f"{scheme}://{host.lower()}{f':{port}' if named else ''}{path}"


def check_redis_url(url: str) -> str:
    """A URL that redis-py and kombu parse to the same address and options."""
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError(
            "it must begin with redis://, with rediss:// for TLS, or with unix:// for a socket"
        )
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"it is no URL: {EXAMPLE}; {ESCAPE}") from None
    if "#" in url or re.search(r"[\x00-\x1f\x7f]", url):
        raise ValueError(f"it has a `#` or a control character; {ESCAPE}")
    netloc = parts.netloc.rpartition("@")[2]
    if parts.scheme == "unix":
        if netloc or len(parts.path) < 2:
            raise ValueError(
                "it must have the whole path of the socket: unix:///run/redis.sock, or "
                "unix://:PASSWORD@/run/redis.sock"
            )
    else:
        try:
            _split(netloc)
        except ValueError:
            raise ValueError(f"it names no server: {EXAMPLE}; {ESCAPE}") from None
        if not re.fullmatch(r"/?|/[0-9]{1,5}", parts.path):
            raise ValueError(f"it must end with the number of a database: {EXAMPLE}; {ESCAPE}")
    _check_options(parts)
    return url


def _check_options(parts: SplitResult) -> None:
    known = {"redis": {}, "rediss": TLS_OPTIONS, "unix": {"db": r"[0-9]{1,5}"}}[parts.scheme]
    options = parse_qsl(parts.query, keep_blank_values=True)
    for name, value in options:
        if name not in known:
            raise ValueError(
                f"it has the parameter {name!r}. rediss:// takes {', '.join(TLS_OPTIONS)}, unix:// "
                "takes db, and redis:// takes none"
            )
        if not re.fullmatch(known[name], value):
            raise ValueError(f"its parameter {name} is {value!r}, not {_allowed(known[name])}")
    if len(dict(options)) < len(options):
        raise ValueError("it has a parameter twice. Write it once")


def _allowed(pattern: str) -> str:
    return {".+": "a path", "[0-9]{1,5}": "a number"}.get(pattern) or pattern.replace("|", " or ")


def _split(netloc: str) -> tuple[str, int | None]:
    """Host and port of `host:port`; the port is None if it is missing."""
    match = _NETLOC.fullmatch(netloc)
    if match is None:
        raise ValueError("it needs a host, and a port of digits if it has one")
    host, port = match[1], int(match[3]) if match[3] else None
    if port is not None and not 0 < port < 2**16:
        raise ValueError(f"there is no port {port}")
    if host.startswith("["):
        try:
            IPv6Address(host[1:-1])
        except ValueError:
            raise ValueError(f"{host!r} is not an IPv6 address") from None
    elif not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} is no host name; write letters beyond ASCII as xn--")
    return host, port
