"""The webhook policy: webhooks go to hosts on the operator's allow-list, at allowed addresses."""

from __future__ import annotations

import socket
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING

from roadmask.errors import InvalidRequest, WebhookNotAllowed
from roadmask.settings import Settings
from roadmask.shown import shown

if TYPE_CHECKING:
    import httpx

Address = IPv4Address | IPv6Address
_NAT64 = IPv6Network("64:ff9b::/96")
_IPV4_SUFFIX = (
    _NAT64,
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of a site
    IPv6Network("::/96"),  # IPv4-compatible
    IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated
)
"""Networks of IPv6 addresses that end with an IPv4 address."""
_UNICAST = IPv6Network("2000::/3")
"""All public IPv6 addresses. Python also counts unassigned addresses as public."""
_NOT_PUBLIC = (
    IPv6Network("3fff::/20"),  # documentation
    IPv4Network("192.0.0.0/24"),  # protocols of the IETF
    IPv4Network("192.88.99.0/24"),  # the nearest gateway of 6to4
)
"""Networks that some versions of Python wrongly count as public."""
HOSTS = "ROADMASK_WEBHOOK_HOSTS"
SECRET = "ROADMASK_WEBHOOK_SECRET"


class WebhookPolicy:
    """The allow-list of the settings. It is checked for each new job and before each attempt."""

    def __init__(self, settings: Settings) -> None:
        self._names = {entry.lower() for entry in settings.webhook_hosts if not _network(entry)}
        self._networks = [net for entry in settings.webhook_hosts if (net := _network(entry))]
        self._can_sign = bool(settings.webhook_secret.get_secret_value())

    def check(self, url: str) -> httpx.URL:
        """Return the parsed URL if its host is allowed. `addresses` checks its addresses.

        Raises `InvalidRequest` for anything but a plain http or https URL, and `WebhookNotAllowed`.
        """
        # Imported here, because an API without webhooks saves the memory.
        import httpx

        try:
            parsed = httpx.URL(url)
            # The first read of `host` decodes a name like xn--…, which may raise an error.
            has_host = bool(parsed.host)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise InvalidRequest(f"The webhook is no URL: {shown(error)}.") from None
        if parsed.scheme not in ("http", "https") or not has_host or parsed.userinfo:
            raise InvalidRequest("The webhook must be an http or https URL without a password.")
        if parsed.port is not None and not 0 < parsed.port < 2**16:
            raise InvalidRequest(f"The webhook's port {parsed.port} does not exist.")
        host = _host(parsed)
        literal = _address(host)
        if not (self._lists(literal) if literal else host in self._names):
            raise WebhookNotAllowed(
                f"This service sends no webhooks to {host}. Its operator allows hosts with the "
                f"setting {HOSTS}"
                + (f"; it is empty now: try {HOSTS}='[\"{host}\"]'." if self._is_empty() else ".")
            )
        if not self._can_sign:
            raise WebhookNotAllowed(
                f"This service cannot sign webhooks. Its operator has to set {SECRET}."
            )
        return parsed

    def addresses(self, url: httpx.URL) -> list[Address]:
        """Resolve the host of the URL; return its addresses, most preferred first.

        Raises `WebhookNotAllowed` when an address is neither public nor in a network on the list,
        so that no name can lead to an internal host. Raises `OSError` for an unknown name.
        """
        found = socket.getaddrinfo(_host(url), url.port, type=socket.SOCK_STREAM)
        addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        for address in addresses:
            if not self._lists(address) and not all(map(self._allows, destinations(address))):
                raise WebhookNotAllowed(
                    f"{url.host} resolves to {address}, which is no public address. If webhooks "
                    f"may go there, add it or its network to {HOSTS}."
                )
        return addresses

    def _allows(self, address: Address) -> bool:
        return self._lists(address) or _is_public(address)

    def _lists(self, address: Address) -> bool:
        return any(address in network for network in self._networks)

    def _is_empty(self) -> bool:
        return not self._names and not self._networks


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast:
        return False
    is_given_out = isinstance(address, IPv4Address) or address in _UNICAST
    return is_given_out and not any(address in network for network in _NOT_PUBLIC)


def destinations(address: Address) -> list[Address]:
    """The addresses that a packet to this address may reach.

    Some IPv6 addresses embed an IPv4 address, to which a gateway or the kernel forwards the packet.
    """
    if isinstance(address, IPv4Address):
        return [address]
    low = IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        return [low]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    if address.teredo is not None:
        return [address, *address.teredo]
    if any(address in network for network in _IPV4_SUFFIX) or _is_isatap(address):
        return [low] if address in _NAT64 else [address, low]
    return [address]


def _is_isatap(address: IPv6Address) -> bool:
    return int(address) >> 32 & 0xFDFFFFFF == 0x00005EFE


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii").lower().strip("[]").rstrip(".")


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None


def _address(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
