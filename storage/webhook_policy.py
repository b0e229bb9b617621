"""Where webhooks may go: only to hosts that the operator names, at addresses that fit them."""

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

if TYPE_CHECKING:
    import httpx

Address = IPv4Address | IPv6Address
HOSTS = "ROADMASK_WEBHOOK_HOSTS"
SECRET = "ROADMASK_WEBHOOK_SECRET"


class WebhookPolicy:
    """The settings' allow-list, asked when a job is accepted and before each attempt."""

    def __init__(self, settings: Settings) -> None:
        self._names = {entry.lower() for entry in settings.webhook_hosts if not _network(entry)}
        self._networks = [net for entry in settings.webhook_hosts if (net := _network(entry))]
        self._can_sign = bool(settings.webhook_secret.get_secret_value())

    def check(self, url: str) -> httpx.URL:
        """The URL, when its host is allowed; its addresses are looked at by `addresses`.

        Raises `InvalidRequest` for what is no plain http or https URL, `WebhookNotAllowed`.
        """
        # Not with the module: the API, where many services send no webhook, saves the memory.
        import httpx

        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise InvalidRequest(f"The webhook is no URL: {error}.") from None
        if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
            raise InvalidRequest("The webhook must be an http or https URL without a password.")
        host = _host(parsed)
        literal = _address(host)
        if not (self._holds(literal) if literal else host in self._names):
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
        """Where the URL's host is now, most preferred first. Asks the name service.

        Raises `WebhookNotAllowed` when one address is neither public nor of a network on the list,
        so that a name cannot be turned to what is inside; `OSError` when there is no such name.
        """
        found = socket.getaddrinfo(_host(url), url.port, type=socket.SOCK_STREAM)
        addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        for address in addresses:
            plain = getattr(address, "ipv4_mapped", None) or address
            if not (self._holds(plain) or (plain.is_global and not plain.is_multicast)):
                raise WebhookNotAllowed(
                    f"{url.host} leads to {address}, which is no public address. If webhooks may "
                    f"go there, add it or its network to {HOSTS}."
                )
        return addresses

    def _holds(self, address: Address) -> bool:
        return any(address in network for network in self._networks)

    def _is_empty(self) -> bool:
        return not self._names and not self._networks


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
