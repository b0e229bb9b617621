"""Webhooks arrive signed, are retried, and reach only allowed addresses."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import pytest

from roadmask.schemas.jobs import JobCreate
from roadmask.schemas.webhooks import Delivery, DeliveryState
from roadmask.settings import Settings
from storage.backends import StorageBackends
from storage.webhooks import sender as webhook_sender
from storage.webhooks.deliveries import Deliveries
from storage.webhooks.sender import CONCURRENCY, WebhookSender
from tests.harness.images.worker_images import png
from tests.harness.waiting import wait_until
from tests.harness.worker.service_harness import ServiceHarness
from tests.servers.receiver import SECRET, Receiver
from tests.servers.redis import RedisServer
from tests.servers.worker import TinyWorker


@pytest.fixture
def settings(settings: Settings) -> Settings:
    changes = {
        "webhook_hosts": ["127.0.0.0/8", "localhost", "hooks.example.com"],
        "webhook_secret": SECRET,
        "webhook_pauses_s": [0.05, 0.05],
        "reconcile_s": 0.3,
    }
    return Settings(**{**settings.model_dump(), **changes})


@pytest.fixture
def deliveries(service: ServiceHarness) -> Deliveries:
    return StorageBackends.build(service.redis, service.store, service.settings).deliveries


def ended(service: ServiceHarness, url: str) -> str:
    """A canceled job whose webhook is due; its id."""
    request = JobCreate(webhook=url, name="nightly")
    job, _ = service.records.create(request, [service.image(png(0))], None)
    service.records.cancel(job.id)
    return job.id


def sent(deliveries: Deliveries, settings: Settings, job_id: str) -> Delivery:
    """The delivery of a job after a sender has delivered it or given up."""
    sender = WebhookSender(deliveries, settings)

    def is_over() -> bool:
        sender.send_due()
        return deliveries.list_job(job_id)[0].state is not DeliveryState.PENDING

    wait_until(is_over)
    return deliveries.list_job(job_id)[0]


def test_a_webhook_arrives_signed(
    service: ServiceHarness, deliveries: Deliveries, settings: Settings
) -> None:
    with Receiver() as receiver:
        job_id = ended(service, receiver.url.replace("127.0.0.1", "localhost"))
        delivery = sent(deliveries, settings, job_id)
        [call] = receiver.calls
    assert (delivery.state, delivery.last_status, delivery.attempts) == ("delivered", 204, 1)
    assert call.path == "/roadmask?from=test"
    assert call.headers["host"].startswith("localhost:")
    assert call.headers["webhook-id"] == delivery.id
    assert call.headers["content-type"] == "application/json"
    assert (call.body["type"], call.body["data"]["id"]) == ("job.canceled", job_id)
    assert call.body["data"]["counts"]["canceled"] == 1


def test_a_retry_has_the_same_id_and_body(
    service: ServiceHarness, deliveries: Deliveries, settings: Settings
) -> None:
    with Receiver(lambda n: [500, 429, 200][n]) as receiver:
        delivery = sent(deliveries, settings, ended(service, receiver.url))
        calls = receiver.calls
    assert (delivery.state, delivery.attempts) == ("delivered", 3)
    assert {call.headers["webhook-id"] for call in calls} == {delivery.id}
    assert calls[0].body == calls[1].body == calls[2].body


@pytest.mark.parametrize(
    ("status", "attempts", "why"),
    [(503, 3, "answered 503"), (302, 3, "redirects are not followed"), (410, 1, "answered 410")],
)
def test_a_delivery_fails_after_its_last_attempt_and_can_be_replayed(
    service: ServiceHarness,
    deliveries: Deliveries,
    settings: Settings,
    status: int,
    attempts: int,
    why: str,
) -> None:
    answers = [status] * attempts
    with Receiver(lambda n: answers[n] if n < attempts else 200) as receiver:
        job_id = ended(service, receiver.url)
        delivery = sent(deliveries, settings, job_id)
        assert (delivery.state, delivery.attempts) == ("failed", attempts)
        assert (delivery.last_status, delivery.next_attempt_at) == (status, None)
        assert why in (delivery.last_error or "")
        assert len(receiver.calls) == attempts
        deliveries.replay(job_id)
        assert sent(deliveries, settings, job_id).state == "delivered"
        assert {call.headers["webhook-id"] for call in receiver.calls} == {delivery.id}


def test_a_refused_connection_is_a_failed_attempt(
    service: ServiceHarness, deliveries: Deliveries, settings: Settings
) -> None:
    with Receiver() as receiver:
        url = receiver.url
    delivery = sent(deliveries, settings, ended(service, url))
    assert (delivery.state, delivery.last_status) == ("failed", None)
    assert "ConnectError" in (delivery.last_error or "")


def test_a_host_that_resolves_to_a_private_address_is_refused(
    service: ServiceHarness, deliveries: Deliveries, settings: Settings
) -> None:
    named = Settings(**{**settings.model_dump(), "webhook_hosts": ["localhost"]})
    with Receiver() as receiver:
        job_id = ended(service, receiver.url.replace("127.0.0.1", "localhost"))
        delivery = sent(deliveries, named, job_id)
        assert receiver.calls == []
    assert "is no public address" in (delivery.last_error or "")


def test_a_name_that_changes_its_address_leads_nowhere_else(
    service: ServiceHarness,
    deliveries: Deliveries,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The name is resolved once for each attempt, which connects to what was checked."""
    listed = ["127.0.0.1", "hooks.example.com"]
    settings = Settings(**{**settings.model_dump(), "webhook_hosts": listed})
    look_up, looked_up = socket.getaddrinfo, []

    def rebound(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host != "hooks.example.com":
            return look_up(host, port, *args, **options)
        looked_up.append(host)
        address = "127.0.0.1" if len(looked_up) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    with Receiver(lambda _: 500) as receiver:
        job_id = ended(service, receiver.url.replace("127.0.0.1", "hooks.example.com"))
        delivery = sent(deliveries, settings, job_id)
        [call] = receiver.calls
    assert call.headers["host"].startswith("hooks.example.com:")
    assert (delivery.attempts, len(looked_up)) == (3, 3)
    assert "127.0.0.2, which is no public address" in (delivery.last_error or "")


def test_an_attempt_ends_in_time_while_the_look_up_of_its_host_hangs(
    service: ServiceHarness,
    deliveries: Deliveries,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = Event()
    look_up = socket.getaddrinfo

    def hanging(host: Any, *args: Any, **options: Any) -> Any:
        if host == "hooks.example.com":
            answered.wait(30)
        return look_up("127.0.0.1", *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    monkeypatch.setattr(webhook_sender, "ATTEMPT_S", 0.2)
    job_id = ended(service, "https://hooks.example.com/roadmask")
    start = time.monotonic()
    try:
        delivery = sent(deliveries, settings, job_id)
    finally:
        answered.set()
    assert time.monotonic() - start < 10
    assert (delivery.state, delivery.attempts) == ("failed", 3)
    assert "did not answer within 0.2 s" in (delivery.last_error or "")


def webhook_env(settings: Settings) -> dict[str, str]:
    return {
        "ROADMASK_WEBHOOK_HOSTS": json.dumps(settings.webhook_hosts),
        "ROADMASK_WEBHOOK_SECRET": SECRET,
        "ROADMASK_WEBHOOK_PAUSES_S": "[0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]",
    }


class WebhookWorker(TinyWorker):
    """A worker process that can send webhooks."""

    def environment(self) -> dict[str, str]:
        return super().environment() | webhook_env(self._settings)


@pytest.mark.slow
def test_after_kill_9_of_the_sender_and_a_restart_of_redis_the_webhook_arrives(
    settings: Settings, tmp_path: Path
) -> None:
    with ExitStack() as running:
        redis = running.enter_context(RedisServer(tmp_path / "own-redis"))
        own = settings.model_copy(update={"redis_url": redis.url})
        service = running.enter_context(ServiceHarness.open(own))
        deliveries = StorageBackends.build(service.redis, service.store, own).deliveries
        # What the victim took is due again after a second; what the heir takes is not so soon.
        brief = own.model_copy(update={"lease_s": 1.0})
        victim = running.enter_context(WebhookWorker(tmp_path / "victim", brief, "none"))

        def die(n: int) -> int:
            # The sender dies before it can record the delivery.
            if n == 0:
                victim.kill()
            return 200

        receiver = running.enter_context(Receiver(die))
        job_id = ended(service, receiver.url)
        wait_until(lambda: victim.process.poll() is not None)
        assert deliveries.list_job(job_id)[0].state == "pending"
        redis.restart()
        heir = running.enter_context(WebhookWorker(tmp_path / "heir", own, "none"))
        wait_until(lambda: deliveries.list_job(job_id)[0].state == "delivered")
        log = heir.log.read_text() + victim.log.read_text()
    assert len(receiver.calls) == 2
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1
    assert SECRET not in log
    assert "from=test" not in log


class DrippingReceiver:
    """A receiver that begins an answer and then sends one byte of it after the other."""

    def __init__(self) -> None:
        self._over = Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._accept)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.getsockname()[1]}/"

    def _accept(self) -> None:
        with ThreadPoolExecutor(32) as pool:
            while True:
                try:
                    pool.submit(self._drip, self._server.accept()[0])
                except OSError:
                    return

    def _drip(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nA: ")
            while not self._over.wait(0.05):
                connection.sendall(b"a")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


def test_a_receiver_that_drips_is_cut_off_and_delays_no_other(
    service: ServiceHarness,
    deliveries: Deliveries,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhook_sender, "ATTEMPT_S", 1.5)
    patient = settings.model_copy(update={"webhook_pauses_s": [60.0]})
    sender = WebhookSender(deliveries, patient)
    with DrippingReceiver() as slow, Receiver() as receiver:
        stuck = [ended(service, slow.url) for _ in range(CONCURRENCY + 4)]
        ended(service, receiver.url)
        wait_until(lambda: sender.send_due() is not None and len(receiver.calls) == 1)

        def attempts() -> list[Delivery]:
            sender.send_due()
            found = [deliveries.list_job(job_id)[0] for job_id in stuck]
            return [delivery for delivery in found if delivery.attempts]

        assert len(attempts()) < CONCURRENCY, "the other receiver waited for this one"
        late = wait_until(attempts)
        # After its end the sender takes nothing more, so the records are read before it.
        sender.stop()
        assert "did not answer within 1.5 s" in (late[0].last_error or "")
