"""Addresses in settings: what is taken, in which form, and what is said of all others."""

from __future__ import annotations

import pytest

from roadmask.addresses import base_url, check_endpoint, check_host, check_redis_url

SECRET = "pa55"
REDIS = [
    "redis://h",
    "redis://h:6379/",
    "redis://H.example.:1/15",
    "redis://[::1]:6379/0",
    "redis://[fe80::1%25eth0]/0",
    "redis://user:p;a,s+s&w=1%40%2F%3A%23%3F%5B%5D@h/0",
    "rediss://:p@h:6380/2?ssl_ca_certs=/a%20b/ca.pem&ssl_cert_reqs=optional",
    "rediss://h?ssl_cert_reqs=none",
    "rediss://h?ssl_certfile=/c&ssl_keyfile=/k&ssl_check_hostname=false",
    "unix:///run/r.sock",
    "unix://user:p%40@/run/a%20b.sock?db=2",
]
NO_REDIS = {
    "": "begin with redis://",
    "REDIS://h": "begin with redis://",
    "valkey://h": "begin with redis://",
    "redis+sentinel://h/0": "begin with redis://",
    "redis:///0": "names no server",
    "redis://::1:6379/0": "names no server",
    "redis://h:0/0": "names no server",
    "redis://h:65536/0": "names no server",
    "redis://h:６３７９/0": "names no server",
    "redis://h1:6379,h2:6379/0": "names no server",
    f"redis://:{SECRET}/x@h/0": "names no server",
    f"redis://u:{SECRET}?x@h/0": "special characters of a password as %XX",
    f"redis://u:{SECRET}#x@h/0": "special characters of a password as %XX",
    f"redis://u:12/{SECRET}@h:6379/0": "number of a database",
    f"redis://:{SECRET}[@h/0": "is no URL",
    "redis://h/-1": "number of a database",
    "redis://h/x": "number of a database",
    "redis://h/1/2": "number of a database",
    "redis://h/١": "number of a database",
    "redis://h/0?db=3": "parameter 'db'",
    "redis://h/0?ssl_cert_reqs=none": "parameter 'ssl_cert_reqs'",
    "rediss://h/0?ssl_cert_reqs=CERT_NONE": "none or optional or required",
    "rediss://h/0?ssl_check_hostname=0": "true or false",
    "rediss://h/0?ssl_ca_certs=": "not a path",
    "rediss://h/0?ssl_ca_certs=/a&ssl_ca_certs=/b": "twice",
    "unix://run/r.sock": "whole path",
    "unix:///": "whole path",
    "unix:///run/r.sock?db=x": "not a number",
}


@pytest.mark.parametrize("url", REDIS)
def test_redis(url: str) -> None:
    assert check_redis_url(url) == url


@pytest.mark.parametrize("url", NO_REDIS)
def test_no_redis(url: str) -> None:
    with pytest.raises(ValueError, match=NO_REDIS[url]) as told:
        check_redis_url(url)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize("place", ["h", "H_1.example.org:9000", "[::1]:9000", "10.0.0.1:1"])
def test_endpoint(place: str) -> None:
    assert check_endpoint(place) == place


@pytest.mark.parametrize(
    "place",
    [
        *("", "http://h:9000", "h:9000/", "h:9000/x", "u@h", "h:", "h:0", "h:65536", "h:９０００"),
        *("::1", "[::g]:1", "[aaaa]", "-h", "h..x", "h x", "ü.example", "a" * 64),
    ],
)
def test_no_endpoint(place: str) -> None:
    with pytest.raises(ValueError, match=r"is not `host:port` \(.+\)\. Leave out http://"):
        check_endpoint(place)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("HTTPS://Seg.Example.Org:443/Seg//", "https://seg.example.org/Seg"),
        ("http://[::1]:80/", "http://[::1]"),
        ("http://h:443/a/%C3%BC", "http://h:443/a/%C3%BC"),
    ],
)
def test_a_base_url_is_written_as_browsers_write_it(url: str, form: str) -> None:
    assert base_url(url) == form


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "not a URL of a server"),
        ("localhost:8000", "not a URL of a server"),
        ("ftp://h", "not a URL of a server"),
        ("http://", "needs a host"),
        ("http://h?x", r"no `\?`"),
        ("http://h:99999", "no port 99999"),
        ("http://[::1", "needs a host"),
        (f"http://u:{SECRET}@h", "has a password"),
        ("http://h\\x", "no host name"),
        ("http://ü", "xn--"),
        ("http://h/a//b", "leave out `//`"),
        ("http://h/../b", "leave out `//`"),
        ("http://h/ü", "%XX"),
        ("http://h/%zz", "%XX"),
    ],
)
def test_no_base_url(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as told:
        base_url(url)
    assert SECRET not in str(told.value)


def test_hosts() -> None:
    for host in ("127.0.0.1", "::1", "0.0.0.0", "localhost"):
        assert check_host(host) == host
    for none in ("", "a b", "http://h", "h:1"):
        with pytest.raises(ValueError, match="no host name"):
            check_host(none)
