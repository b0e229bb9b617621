"""Real proxies that serve the API below a path, over TLS: `https://host/seg/`."""

from collections.abc import Callable
from pathlib import Path

from tests.servers.proxies.caddy import Caddy
from tests.servers.proxies.haproxy import Haproxy
from tests.servers.proxies.nginx import Nginx
from tests.servers.proxies.proxy import Proxy

PROXIES: dict[str, Callable[[Path, str], Proxy]] = {
    "nginx": Nginx,
    "caddy": Caddy,
    "haproxy": Haproxy,
}

__all__ = ["PROXIES", "Caddy", "Haproxy", "Nginx", "Proxy"]
