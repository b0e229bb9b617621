"""What is wrong with a Redis is told by its cause, on real servers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from redis import Redis

from roadmask.local.finding import Finding
from roadmask.settings import Settings
from storage.settings_check.records_check import check_records
from tests.servers.certificates import Authority
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer, TlsRedisServer

PASSWORD = "a long password"
PROTECTED = (
    b"-DENIED Redis is running in protected mode because protected mode is enabled and no password "
    b"is set for the default user.\r\n"
)


def findings(url: str) -> dict[str, Finding]:
    return {finding.name: finding for finding in check_records(Settings(redis_url=url))}


def failure(url: str) -> str:
    """The detail of the only failure."""
    failed = [finding.detail for finding in findings(url).values() if not finding.ok]
    assert len(failed) == 1, failed
    return failed[0]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[TlsRedisServer]:
    with TlsRedisServer(tmp_path / "over-tls", PASSWORD, Authority(tmp_path / "tls")) as server:
        yield server


def test_a_good_redis_passes(server: RedisServer) -> None:
    found = findings(server.url)
    assert all(finding.ok and not finding.is_remark for finding in found.values()), found
    assert list(found) == ["Redis", "Redis kind", "Redis writes", "Redis keeps jobs", "queue"]
    assert found["queue"].detail == "Celery connects; messages: 0 in interactive, 0 in batch"


@pytest.mark.slow
def test_a_good_redis_with_tls_passes(tls: TlsRedisServer) -> None:
    assert all(finding.ok for finding in findings(tls.url).values())


def test_what_is_not_reached() -> None:
    assert "Nothing listens at 127.0.0.1" in failure(f"redis://{HOST}:{free_port()}/0")
    assert "has no address" in failure("redis://no-such-host.invalid:6379/0")
    assert "There is no file /no/redis.sock" in failure("unix:///no/redis.sock")


def test_what_answers_is_no_redis() -> None:
    with closing(socket.create_server((HOST, 0))) as door:
        answering = Thread(target=_answer_in_http, args=(door,))
        answering.start()
        told = failure(f"redis://{HOST}:{door.getsockname()[1]}/0")
        answering.join()
    assert "is no Redis. Correct ROADMASK_REDIS_URL" in told


def _answer_in_http(door: socket.socket) -> None:
    with door.accept()[0] as connection:
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_files_of_certificates_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    url = f"rediss://{HOST}:{free_port()}/0"
    for option in ("ssl_ca_certs", "ssl_certfile"):
        missing = failure(f"{url}?{option}={tmp_path}/none.pem")
        assert f"{option} in ROADMASK_REDIS_URL names {tmp_path}/none.pem" in missing
        assert "no such file" in missing
        empty = failure(f"{url}?{option}={tmp_path}/empty.pem")
        assert "has no readable certificate in PEM" in empty


@pytest.mark.slow
def test_passwords(tls: TlsRedisServer, tmp_path: Path) -> None:
    assert "refuses the name or the password" in failure(tls.url.replace("long", "wrong"))
    with RedisServer(tmp_path / "own", "--requirepass", PASSWORD) as server:
        assert "asks for a password" in failure(server.url)


@pytest.mark.slow
def test_certificates(tls: TlsRedisServer, server: RedisServer, tmp_path: Path) -> None:
    told = failure(tls.url_without_authority)
    assert "is not trusted" in told
    assert "?ssl_ca_certs=" in told
    plain = tls.url_without_authority.replace("rediss:", "redis:")
    assert "speaks TLS. Begin ROADMASK_REDIS_URL with rediss://" in failure(plain)
    secure = server.url.replace("redis:", "rediss:")
    assert "does not speak TLS" in failure(secure)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"days": -1}, "has expired"),
        ({"hosts": ("other.example.org",)}, "a name that the certificate"),
    ],
)
@pytest.mark.slow
def test_bad_certificates(options: dict[str, object], sentence: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls", **options)  # type: ignore[arg-type]
    server = TlsRedisServer(tmp_path / "redis", PASSWORD, authority)
    with server:
        assert sentence in failure(server.url)


def test_databases(server: RedisServer) -> None:
    assert "no database of this number" in failure(server.url.replace("/0", "/99"))


def test_rights(server: RedisServer) -> None:
    with Redis.from_url(server.url) as redis:
        redis.acl_setuser("reader", True, passwords=["+pw"], keys=["rm:*"], commands=["+@read"])
        rights = ["+@all", "-@dangerous", "+info", "+client"]
        redis.acl_setuser(
            "worker", True, passwords=["+pw"], keys=["rm:*"], channels=["*"], commands=rights
        )
    assert "lacks a right" in findings(server.url.replace("//", "//reader:pw@"))["Redis"].detail
    good = findings(server.url.replace("//", "//worker:pw@"))
    assert all(finding.ok for finding in good.values()), good


def test_what_redis_refuses(server: RedisServer, tmp_path: Path) -> None:
    with Redis.from_url(server.url) as redis:
        redis.config_set("maxmemory", 1)
        redis.config_set("maxmemory-policy", "allkeys-lru")
        assert "may throw records away" in findings(server.url)["Redis keeps jobs"].detail
        redis.config_set("maxmemory-policy", "noeviction")
        assert "Redis is full" in findings(server.url)["Redis writes"].detail
        redis.config_set("maxmemory", 0)
        redis.config_set("min-replicas-to-write", 1)
        assert "too few replicas" in findings(server.url)["Redis writes"].detail
        redis.config_set("min-replicas-to-write", 0)
        redis.config_set("appendonly", "no")
        kept = findings(server.url)["Redis keeps jobs"]
        assert kept.is_remark
        assert "no append-only file" in kept.detail
        redis.replicaof(HOST, free_port())
        assert "Redis is a replica" in findings(server.url)["Redis kind"].detail


@pytest.mark.slow
def test_a_cluster(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis", "--cluster-enabled", "yes") as server:
        assert "is a cluster" in findings(server.url)["Redis kind"].detail


def test_protected_mode() -> None:
    """Redis denies other machines only, so its words are said here by a socket."""
    listener = socket.create_server((HOST, 0))

    def deny() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(PROTECTED)
                connection.recv(4096)

    thread = Thread(target=deny)
    thread.start()
    try:
        told = failure(f"redis://{HOST}:{listener.getsockname()[1]}/0")
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()
    assert "protected mode" in told
    assert "requirepass" in told
