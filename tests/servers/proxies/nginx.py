"""A real nginx."""

from __future__ import annotations

from tests.servers.proxies.proxy import Proxy

CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{}}
http {{
  access_log off;
  client_max_body_size 64m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen {address} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    location {path}/ {{
      proxy_pass http://{target}/;
      proxy_set_header Host $http_host;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_request_buffering off;
    }}
  }}
}}
"""


class Nginx(Proxy):
    """nginx in the foreground, as one process."""

    name = "nginx"

    def command(self) -> list[str]:
        return [self.program(), "-c", str(self.write("nginx.conf", CONFIG))]
