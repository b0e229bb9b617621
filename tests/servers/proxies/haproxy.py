"""A real HAProxy."""

from __future__ import annotations

from tests.servers.proxies.proxy import Proxy

CONFIG = """
global
  maxconn 200
defaults
  mode http
  option http-keep-alive
  timeout connect 5s
  timeout client 120s
  timeout server 120s
frontend tls
  bind {address} ssl crt {folder}/server.pem
  http-request redirect code 308 location {path}/ if {{ path {path} }}
  http-request deny deny_status 404 unless {{ path_beg {path}/ }}
  http-request replace-path {path}/(.*) /\\1
  http-request set-header X-Forwarded-Proto https
  option forwardfor
  default_backend roadmask
backend roadmask
  server api {target}
"""


class Haproxy(Proxy):
    """HAProxy in the foreground."""

    name = "haproxy"

    def command(self) -> list[str]:
        both = self.authority.certificate.read_text() + self.authority.key.read_text()
        (self.folder / "server.pem").write_text(both)
        return [self.program(), "-db", "-f", str(self.write("haproxy.cfg", CONFIG))]
