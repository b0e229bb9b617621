"""Webhooks in the API: where they may go, what they were told, and telling it again."""

from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr
from redis import Redis

from roadmask.settings import Settings
from storage.backends import StorageBackends
from storage.objects.local import LocalStore
from storage.webhooks.sender import WebhookSender
from tests.harness.images.api_images import picture, put
from tests.harness.worker.fake_worker import FakeWorker
from tests.servers.receiver import SECRET, Receiver


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    told = {"webhook_hosts": ["127.0.0.1"], "webhook_secret": SecretStr(SECRET)}
    return settings.model_copy(update=told)


@pytest.fixture
def sender(redis: Redis, store: LocalStore, settings: Settings) -> WebhookSender:
    return WebhookSender(StorageBackends.build(redis, store, settings).deliveries, settings)


def submit(client: httpx.Client, webhook: str | None) -> httpx.Response:
    images = [{"id": put(client, picture())}]
    return client.post("/v1/jobs", json={"images": images, "webhook": webhook})


def test_a_webhook_is_told_and_told_again(
    client: httpx.Client, worker: FakeWorker, sender: WebhookSender, settings: Settings
) -> None:
    with Receiver() as receiver:
        job = submit(client, receiver.url).json()
        assert client.get(f"/v1/jobs/{job['id']}/webhook").json() == []
        worker.finish(job["id"])
        [delivery] = client.get(f"/v1/jobs/{job['id']}/webhook").json()
        assert (delivery["event"], delivery["state"]) == ("job.succeeded", "pending")
        assert sender.send_due() == 1
        [delivery] = client.get(f"/v1/jobs/{job['id']}/webhook").json()
        assert (delivery["state"], delivery["last_status"]) == ("delivered", 204)
        answer = client.post(f"/v1/jobs/{job['id']}/webhook/replay")
        assert (answer.status_code, answer.json()["state"]) == (202, "pending")
        assert sender.send_due() == 1
        first, second = receiver.calls
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery["id"]
    urls = first.body["data"]["urls"]
    assert client.get(urls["self"]).json()["urls"] == urls
    assert urls["self"].startswith(settings.public_url)


@pytest.mark.parametrize(
    ("webhook", "status", "words"),
    [
        ("https://elsewhere.example.com/", 403, "ROADMASK_WEBHOOK_HOSTS"),
        ("http://169.254.169.254/", 403, "169.254.169.254"),
        ("javascript:alert(1)", 422, "http or https"),
        ("https://x" + "y" * 2000, 422, "webhook"),
    ],
)
def test_a_webhook_may_not_go_anywhere(
    client: httpx.Client, webhook: str, status: int, words: str
) -> None:
    answer = submit(client, webhook)
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_without_a_webhook_there_is_nothing_to_replay(
    client: httpx.Client, worker: FakeWorker
) -> None:
    job = submit(client, None).json()
    worker.finish(job["id"])
    answer = client.post(f"/v1/jobs/{job['id']}/webhook/replay")
    assert (answer.status_code, answer.json()["code"]) == (404, "delivery_not_found")
    unknown = client.get("/v1/jobs/00000000-0000-7000-8000-000000000000/webhook")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "job_not_found")
