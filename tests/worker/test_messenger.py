"""Webhooks arrive signed, are tried again, and go nowhere else than they may."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis import Redis

from roadmask.errors import InvalidRequest, WebhookNotAllowed
from roadmask.jobs import JobCreate
from roadmask.settings import Settings
from roadmask.webhooks import Delivery, DeliveryState
from storage.deliveries import Deliveries
from storage.webhook_policy import WebhookPolicy
from tests.servers.receiver import SECRET, Receiver
from tests.servers.redis import RedisServer
from tests.waiting import wait_until
from tests.worker.desk import Desk
from tests.worker.pictures import png
from tests.worker.test_processes import TinyWorker
from worker.messenger import Messenger


@pytest.fixture
def settings(settings: Settings) -> Settings:
    told = {
        "webhook_hosts": ["127.0.0.0/8", "localhost", "hooks.example.com"],
        "webhook_secret": SECRET,
        "webhook_pauses_s": [0.05, 0.05],
        "lease_s": 1.0,
        "reconcile_s": 0.3,
    }
    return Settings(**{**settings.model_dump(), **told})


@pytest.fixture
def desk(settings: Settings, redis: Redis) -> Desk:
    return Desk.open(settings)


@pytest.fixture
def deliveries(desk: Desk) -> Deliveries:
    return Deliveries(desk.redis, desk.store, desk.settings)


def ended(desk: Desk, url: str) -> str:
    """A job that is over, and its webhook yet to be told."""
    request = JobCreate(webhook=url, name="nightly")
    job, _ = desk.records.create(request, [desk.image(png(0))], None)
    desk.records.cancel(job.id)
    return job.id


def sent(deliveries: Deliveries, settings: Settings, job_id: str) -> Delivery:
    """How the delivery stands once a messenger has nothing more to do."""
    messenger = Messenger(deliveries, settings)

    def is_over() -> bool:
        messenger.run()
        return deliveries.of(job_id)[0].state is not DeliveryState.PENDING

    wait_until(is_over)
    return deliveries.of(job_id)[0]


def test_a_webhook_arrives_signed(desk: Desk, deliveries: Deliveries, settings: Settings) -> None:
    with Receiver() as receiver:
        job_id = ended(desk, receiver.url.replace("127.0.0.1", "localhost"))
        delivery = sent(deliveries, settings, job_id)
        [call] = receiver.calls
    assert (delivery.state, delivery.last_status, delivery.attempts) == ("delivered", 204, 1)
    assert call.path == "/roadmask?from=test"
    assert call.headers["host"].startswith("localhost:")
    assert call.headers["webhook-id"] == delivery.id
    assert call.headers["content-type"] == "application/json"
    assert (call.body["type"], call.body["data"]["id"]) == ("job.canceled", job_id)
    assert call.body["data"]["counts"]["canceled"] == 1


def test_failures_are_tried_again_with_the_same_id_and_body(
    desk: Desk, deliveries: Deliveries, settings: Settings
) -> None:
    with Receiver(lambda n: [500, 429, 200][n]) as receiver:
        delivery = sent(deliveries, settings, ended(desk, receiver.url))
        calls = receiver.calls
    assert (delivery.state, delivery.attempts) == ("delivered", 3)
    assert {call.headers["webhook-id"] for call in calls} == {delivery.id}
    assert calls[0].body == calls[1].body == calls[2].body


@pytest.mark.parametrize(
    ("status", "attempts", "why"),
    [(503, 3, "answered 503"), (302, 3, "redirects are not followed"), (410, 1, "answered 410")],
)
def test_it_is_given_up_in_the_end_and_may_be_replayed(
    desk: Desk, deliveries: Deliveries, settings: Settings, status: int, attempts: int, why: str
) -> None:
    answers = [status] * attempts
    with Receiver(lambda n: answers[n] if n < attempts else 200) as receiver:
        job_id = ended(desk, receiver.url)
        delivery = sent(deliveries, settings, job_id)
        assert (delivery.state, delivery.attempts) == ("failed", attempts)
        assert (delivery.last_status, delivery.next_attempt_at) == (status, None)
        assert why in (delivery.last_error or "")
        assert len(receiver.calls) == attempts
        deliveries.replay(job_id)
        assert sent(deliveries, settings, job_id).state == "delivered"
        assert {call.headers["webhook-id"] for call in receiver.calls} == {delivery.id}


def test_nobody_listening_is_a_failure_like_others(
    desk: Desk, deliveries: Deliveries, settings: Settings
) -> None:
    with Receiver() as receiver:
        url = receiver.url
    delivery = sent(deliveries, settings, ended(desk, url))
    assert (delivery.state, delivery.last_status) == ("failed", None)
    assert "ConnectError" in (delivery.last_error or "")


def test_a_name_that_leads_inside_is_not_followed(
    desk: Desk, deliveries: Deliveries, settings: Settings
) -> None:
    named = Settings(**{**settings.model_dump(), "webhook_hosts": ["localhost"]})
    with Receiver() as receiver:
        job_id = ended(desk, receiver.url.replace("127.0.0.1", "localhost"))
        delivery = sent(deliveries, named, job_id)
        assert receiver.calls == []
    assert "is no public address" in (delivery.last_error or "")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/x",
        "http://HOOKS.example.com.:8080/",
        "http://127.3.2.1/",
        "http://localhost:1/",
    ],
)
def test_allowed(settings: Settings, url: str) -> None:
    assert WebhookPolicy(settings).check(url).scheme in ("http", "https")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "https://hooks.example.com.evil.org/",
        "https://evil.org#@hooks.example.com/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_not_allowed(settings: Settings, url: str) -> None:
    with pytest.raises(WebhookNotAllowed, match="ROADMASK_WEBHOOK_HOSTS"):
        WebhookPolicy(settings).check(url)


@pytest.mark.parametrize(
    "url", ["ftp://localhost/", "/here", "localhost", "http://me:pw@localhost/", "http://[::1/", ""]
)
def test_what_is_no_url(settings: Settings, url: str) -> None:
    with pytest.raises(InvalidRequest, match="webhook"):
        WebhookPolicy(settings).check(url)


@pytest.mark.parametrize("secret", ["whsec_short", "no-prefix" * 5])
def test_a_wrong_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 random bytes") as caught:
        Settings(webhook_secret=SecretStr(secret))
    assert secret not in str(caught.value)


def test_hosts_are_hosts() -> None:
    with pytest.raises(ValueError, match="no host, address or network"):
        Settings(webhook_hosts=["https://hooks.example.com/"])


def webhook_env(settings: Settings) -> dict[str, str]:
    return {
        "ROADMASK_WEBHOOK_HOSTS": json.dumps(settings.webhook_hosts),
        "ROADMASK_WEBHOOK_SECRET": SECRET,
        "ROADMASK_WEBHOOK_PAUSES_S": "[0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]",
    }


class MessagingWorker(TinyWorker):
    """A worker process that may send webhooks."""

    def environment(self) -> dict[str, str]:
        return super().environment() | webhook_env(self._settings)


def test_kill_9_of_the_sender_and_a_restart_of_redis_lose_no_webhook(
    settings: Settings, tmp_path: Path
) -> None:
    with ExitStack() as running:
        redis = running.enter_context(RedisServer(tmp_path / "own-redis"))
        own = settings.model_copy(update={"redis_url": redis.url})
        desk = Desk.open(own)
        deliveries = Deliveries(desk.redis, desk.store, own)
        victim = running.enter_context(MessagingWorker(tmp_path / "victim", own, "none"))

        def die(n: int) -> int:
            # The sender dies before it can write down that the webhook arrived.
            if n == 0:
                victim.kill()
            return 200

        receiver = running.enter_context(Receiver(die))
        job_id = ended(desk, receiver.url)
        wait_until(lambda: victim.process.poll() is not None, seconds=30)
        assert deliveries.of(job_id)[0].state == "pending"
        redis.restart()
        heir = running.enter_context(MessagingWorker(tmp_path / "heir", own, "none"))
        wait_until(lambda: deliveries.of(job_id)[0].state == "delivered", seconds=30)
        log = heir.log.read_text() + victim.log.read_text()
    assert len(receiver.calls) == 2
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1
    assert SECRET not in log
    assert "from=test" not in log


def test_a_service_without_settings_says_which_are_missing() -> None:
    with pytest.raises(WebhookNotAllowed, match=r"ROADMASK_WEBHOOK_HOSTS='\[\"me.example.com\"\]'"):
        WebhookPolicy(Settings()).check("https://me.example.com/")
    with pytest.raises(WebhookNotAllowed, match="ROADMASK_WEBHOOK_SECRET"):
        WebhookPolicy(Settings(webhook_hosts=["me.example.com"])).check("https://me.example.com/")
