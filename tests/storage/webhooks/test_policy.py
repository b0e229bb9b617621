"""Which webhook URLs the policy allows."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from pydantic import SecretStr

from roadmask.errors import InvalidRequest, WebhookNotAllowed
from roadmask.settings import Settings
from storage.webhooks.policy import WebhookPolicy
from tests.servers.receiver import SECRET


@pytest.fixture
def policy() -> WebhookPolicy:
    hosts = ["127.0.0.0/8", "localhost", "hooks.example.com"]
    return WebhookPolicy(Settings(webhook_hosts=hosts, webhook_secret=SecretStr(SECRET)))


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/x",
        "http://HOOKS.example.com.:8080/",
        "http://127.3.2.1/",
        "http://localhost:1/",
    ],
)
def test_a_listed_host_is_allowed(policy: WebhookPolicy, url: str) -> None:
    assert policy.check(url).scheme in ("http", "https")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "https://hooks.example.com.evil.org/",
        "https://evil.org#@hooks.example.com/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::1%25lo]/",
        "http://[fe80::1%eth0]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://2130706433/",
        "http://017700000001/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://127.1/",
        "http://0/",
        "http://localhost.evil.org/",
        "http://127.0.0.1.evil.org/",
        "http://%6cocalhost/",
        "http://hooks.example.com%00.evil.org/",
        "http://hooks.example.com\\.evil.org/",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_any_other_host_is_refused(policy: WebhookPolicy, url: str) -> None:
    with pytest.raises(WebhookNotAllowed, match="ROADMASK_WEBHOOK_HOSTS"):
        policy.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/here",
        "localhost",
        "ftp://localhost/",
        "http://me:pw@localhost/",
        "http://local\thost/",
        "http://localhost:0/",
        "http://localhost:65536/",
        "http://[::1/",
        "http://0177.0.0.1/",
        "http://xn--a/",
        "http://localhost/\ud800",
        "http://\uff11\uff12\uff17.0.0.1/",
        "http://\u24dbocalhost/",
    ],
)
def test_a_malformed_url_is_invalid(policy: WebhookPolicy, url: str) -> None:
    with pytest.raises(InvalidRequest, match="webhook"):
        policy.check(url)


@pytest.mark.parametrize("secret", ["whsec_short", "no-prefix" * 5])
def test_a_malformed_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 random bytes") as caught:
        Settings(webhook_secret=SecretStr(secret))
    assert secret not in str(caught.value)


def test_a_url_is_refused_as_a_host() -> None:
    with pytest.raises(ValueError, match="not a host, address or network"):
        Settings(webhook_hosts=["https://hooks.example.com/"])


def test_the_error_names_the_settings_that_are_missing() -> None:
    with pytest.raises(WebhookNotAllowed, match=r"ROADMASK_WEBHOOK_HOSTS='\[\"me.example.com\"\]'"):
        WebhookPolicy(Settings()).check("https://me.example.com/")
    with pytest.raises(WebhookNotAllowed, match="ROADMASK_WEBHOOK_SECRET"):
        WebhookPolicy(Settings(webhook_hosts=["me.example.com"])).check("https://me.example.com/")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", True),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:127.0.0.1", True),
        ("::10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("64:ff9b:1::a00:1", False),
        ("2002:a00:1::1", False),
        ("2001:0:a00:1::", False),
        ("2606:2800:220:1::5efe:a00:1", False),
        ("::ffff:0:a00:1", False),
        ("0.0.0.0", False),
        ("192.0.0.8", False),
        ("192.0.2.1", False),
        ("192.88.99.1", False),
        ("198.18.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("100::1", False),
        ("1fff::1", False),
        ("2001:db8::1", False),
        ("3fff::1", False),
        ("4000::1", False),
        ("5f00::1", False),
        ("64:ff9b:1:a00:0:100::", False),
        ("2002:a9fe:a9fe::1", False),
    ],
)
def test_an_address_is_judged_by_where_it_leads(
    policy: WebhookPolicy, monkeypatch: pytest.MonkeyPatch, address: str, allowed: bool
) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 0, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    url = policy.check("https://hooks.example.com/")
    if allowed:
        assert [str(one) for one in policy.addresses(url)] == [str(ip_address(address))]
    else:
        with pytest.raises(WebhookNotAllowed, match="no public address"):
            policy.addresses(url)
