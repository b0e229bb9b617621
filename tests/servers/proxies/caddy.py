"""A real Caddy."""

from __future__ import annotations

import os

from tests.servers.proxies.proxy import Proxy

CONFIG = """
{{
  admin off
  auto_https off
  storage file_system {folder}/caddy
}}
https://{address} {{
  tls {certificate} {key}
  redir {path} {path}/ 308
  handle_path {path}/* {{
    reverse_proxy {target} {{
      flush_interval -1
    }}
  }}
  respond 404
}}
"""


class Caddy(Proxy):
    """Caddy with a certificate of the tests: its own come from the internet."""

    name = "caddy"

    def command(self) -> list[str]:
        config = self.write("Caddyfile", CONFIG)
        return [self.program(), "run", "--config", str(config), "--adapter", "caddyfile"]

    def environment(self) -> dict[str, str]:
        return os.environ | {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
