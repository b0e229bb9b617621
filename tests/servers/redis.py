"""A real Redis with its append-only file on."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import redis

from roadmask.local.redis import find_redis
from tests.servers.certificates import Authority
from tests.servers.process import HOST, Server, free_port, is_listening


class RedisServer(Server):
    """Redis or Valkey; its data survives `kill` and `restart`."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self.options = options

    @property
    def url(self) -> str:
        return f"redis://{self.address}/0"

    def command(self) -> list[str]:
        return [
            *(str(find_redis()), "--bind", HOST, "--port", str(self.port)),
            *("--dir", str(self.folder), "--save", ""),
            *("--appendonly", "yes", "--appendfsync", "everysec"),
            *("--maxmemory-policy", "noeviction"),
            *self.options,
        ]

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, retry=None) as client:
                return bool(client.ping())
        except redis.AuthenticationError:
            return True
        except redis.ConnectionError:
            return False


class TlsRedisServer(RedisServer):
    """A Redis with a password, over TLS with a certificate of its own authority.

    The server in the wheel was built without TLS, so HAProxy ends it. With `TEST_REDIS_TLS=native`
    the server does so itself.
    """

    def __init__(self, folder: Path, password: str, authority: Authority) -> None:
        self._is_native = os.environ.get("TEST_REDIS_TLS") == "native"
        files = (str(authority.certificate), str(authority.key))
        tls = ("--tls-cert-file", files[0], "--tls-key-file", files[1], "--tls-auth-clients", "no")
        super().__init__(folder, *(tls if self._is_native else ()))
        self.authority = authority
        self.password = password
        self._plain_port = free_port()
        self._terminator = TlsTerminator(folder / "tls", self.port, self._plain_port, authority)

    @property
    def url(self) -> str:
        return f"{self.url_without_authority}?ssl_ca_certs={self.authority.file}"

    @property
    def url_without_authority(self) -> str:
        return f"rediss://:{quote(self.password, safe='')}@{self.address}/0"

    def command(self) -> list[str]:
        # In a file any character can be escaped: Valkey 8.1 misreads some in an argument.
        escaped = "".join(f"\\x{byte:02x}" for byte in self.password.encode())
        config = self.folder / "redis.conf"
        config.write_text(f'requirepass "{escaped}"\n')
        program, *options = super().command()
        command = [program, str(config), *options]
        if self._is_native:
            command[command.index("--port")] = "--tls-port"
            return [*command, "--port", "0"]
        command[command.index("--port") + 1] = str(self._plain_port)
        return command

    def answers(self) -> bool:
        port = self.port if self._is_native else self._plain_port
        return is_listening(port)

    def start(self) -> None:
        super().start()
        if not self._is_native:
            self._terminator.start()

    def stop(self) -> None:
        self._terminator.stop()
        super().stop()


class TlsTerminator(Server):
    """An HAProxy that ends TLS before a server without it."""

    CONFIG = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen tls
  bind {host}:{port} ssl crt {pem}
  server plain {host}:{plain_port}
"""

    def __init__(self, folder: Path, port: int, plain_port: int, authority: Authority) -> None:
        super().__init__(folder)
        self.port, self._plain_port = port, plain_port
        self._authority = authority

    def command(self) -> list[str]:
        program = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/bin")
        assert program, "The tests need HAProxy; on Debian: apt-get install haproxy"
        pem = self.folder / "server.pem"
        pem.write_text(self._authority.certificate.read_text() + self._authority.key.read_text())
        config = self.folder / "haproxy.cfg"
        places = {"host": HOST, "port": self.port, "plain_port": self._plain_port, "pem": pem}
        config.write_text(self.CONFIG.format(**places))
        return [program, "-db", "-f", str(config)]

    def answers(self) -> bool:
        return is_listening(self.port)


def version() -> str:
    """The server's version, for the header of a test run."""
    shown = subprocess.run([find_redis(), "--version"], capture_output=True, text=True)
    name = find_redis().name.removesuffix("-server")
    numbers = (word for word in shown.stdout.split() if word.startswith("v="))
    return f"{name} {next(numbers, 'v=?').removeprefix('v=')}"
