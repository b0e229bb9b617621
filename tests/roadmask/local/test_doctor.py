"""The doctor names what is broken, and comes to an end whatever hangs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from redis import Redis

from roadmask import Client
from roadmask.local import doctor
from roadmask.local.doctor import check_service
from roadmask.local.finding import Finding
from storage.telemetry.readiness import FRESH_S
from storage.workers import WorkerRegistry
from tests.harness.api.server import ApiServer
from tests.harness.latch import Latch
from tests.servers.process import HOST


def findings(url: str, seconds: float = 60.0) -> dict[str, Finding]:
    with Client(url, timeout=doctor.CALL_TIMEOUT_S, patience=0) as client:
        found = check_service(client, time.monotonic() + seconds)
        return {finding.name: finding for finding in found}


def test_each_check_of_readiness_is_a_finding(empty_api: ApiServer, redis: Redis) -> None:
    time.sleep(FRESH_S)
    found = findings(empty_api.url)
    outcomes = {name: finding.ok for name, finding in found.items()}
    assert outcomes == {
        "API": True,
        "redis": True,
        "store": True,
        "workers": False,
        "reconciler": True,
    }
    assert "roadmask worker" in found["workers"].detail


def test_an_image_that_nobody_segments_says_how_its_lane_is(
    empty_api: ApiServer, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "JOB_TIMEOUT_S", 0.5)
    WorkerRegistry(redis).heartbeat("w", {"consuming": ["batch", "interactive"], "model": "m@1"})
    time.sleep(FRESH_S)
    found = findings(empty_api.url)
    assert [name for name, finding in found.items() if not finding.ok] == ["one image"]
    assert "is queued after 0.5 s. Its lane has " in found["one image"].detail


def test_a_service_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CALL_TIMEOUT_S", 0.5)
    with socket.create_server((HOST, 0)) as server:
        found = findings(f"http://{HOST}:{server.getsockname()[1]}")
    assert [(name, finding.ok) for name, finding in found.items()] == [("API", False)]


@pytest.mark.parametrize("hanging", ["_api", "_ready"])
def test_a_check_that_hangs_is_left_behind(
    empty_api: ApiServer, monkeypatch: pytest.MonkeyPatch, hanging: str
) -> None:
    latch = Latch()

    def hang(*_: object) -> str:
        latch.hold()
        return ""

    check: Callable[..., str] = hang
    monkeypatch.setattr(doctor, hanging, check)
    found = [*findings(empty_api.url, seconds=1.0).values()][-1]
    latch.release()
    assert not found.ok
    assert "has not ended after " in found.detail


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n"])
def test_what_listens_and_never_answers_is_no_missing_service(
    monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    """It is silent, or sends a byte now and then, so that no read takes long."""
    monkeypatch.setattr(doctor, "CALL_TIMEOUT_S", 0.5)
    over = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(answer)
            while answer and not over.wait(0.1):
                connection.sendall(b"X")
            over.wait()

    with socket.create_server((HOST, 0)) as server:
        thread = threading.Thread(target=drip, args=(server,), daemon=True)
        thread.start()
        url = f"http://{HOST}:{server.getsockname()[1]}"
        start = time.monotonic()
        with Client(url, timeout=doctor.CALL_TIMEOUT_S, patience=0) as client:
            assert doctor.is_running(client)
        assert time.monotonic() - start < 4
        over.set()
        thread.join()
    with Client(url, timeout=doctor.CALL_TIMEOUT_S, patience=0) as client:
        assert not doctor.is_running(client)


@pytest.mark.parametrize("body", [b"null", b"[1]", b"5", b"<html>", b"\xff", b'{"checks": [1]}'])
def test_another_service_under_the_url_is_a_finding(body: bytes) -> None:
    class Odd(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Odd) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = findings(f"http://{HOST}:{server.server_port}")
        server.shutdown()
    assert not all(finding.ok for finding in found.values())
    assert not [finding for finding in found.values() if "for 0 s" in finding.detail]
