"""What comes of a job: forms of its masks, one document of all of them, and its webhook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO
from pydantic import SecretStr
from redis import Redis

from roadmask import Client
from roadmask.errors import (
    ConfidenceNotFound,
    DeliveryNotFound,
    InvalidRequest,
    JobNotFound,
    ServiceUnreachable,
)
from roadmask.masks.codec import decode_mask
from roadmask.schemas.jobs import Job
from roadmask.schemas.webhooks import DeliveryState
from roadmask.settings import Settings
from storage.backends import StorageBackends
from storage.objects.local import LocalStore
from storage.webhooks.sender import WebhookSender
from tests.harness.api.server import ApiServer
from tests.harness.client.program import call_roadmask
from tests.harness.client.stub_server import StubResponse, problem, stub_server
from tests.harness.client.sync_async_client import SyncAsyncClient
from tests.harness.images.api_images import picture
from tests.harness.worker.fake_worker import SIZE, FakeWorker
from tests.servers.receiver import SECRET, Receiver

UNKNOWN = "01a20000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    told = {"webhook_hosts": ["127.0.0.1"], "webhook_secret": SecretStr(SECRET)}
    return settings.model_copy(update=told)


@pytest.fixture(params=[Client, SyncAsyncClient], ids=["blocking", "async"])
def client(empty_api: ApiServer, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each client in turn, of an empty service."""
    with request.param(empty_api.url, patience=5) as client:
        yield client


@pytest.fixture
def sender(redis: Redis, store: LocalStore, settings: Settings) -> WebhookSender:
    return WebhookSender(StorageBackends.build(redis, store, settings).deliveries, settings)


def done(client: Any, worker: FakeWorker, **request: Any) -> Job:
    """A finished job of two images."""
    job: Job = client.submit(files=[picture(0), picture(1)], **request)
    worker.finish(job.id)
    return job


def test_a_mask_in_another_form(client: Any, worker: FakeWorker) -> None:
    job = done(client, worker)
    assert json.loads(client.rendering(job, 1, "rle"))[0]["category"] == "flat"
    assert decode_mask(client.rendering(job.id, 0, "labelids")).shape == SIZE
    with pytest.raises(ConfidenceNotFound, match="Submit a job"):
        client.rendering(job, 0, "confidence")
    with pytest.raises(InvalidRequest, match="coco"):
        client.rendering(job, 0, "svg")
    sure = done(client, worker, confidence=True)
    assert decode_mask(client.rendering(sure, 0, "confidence")).shape == SIZE


def test_a_whole_job_as_one_document(client: Any, worker: FakeWorker, tmp_path: Path) -> None:
    job = done(client, worker)
    file = tmp_path / "coco.json"
    with file.open("wb") as out:
        out.writelines(client.annotations(job))
    assert len(COCO(str(file)).imgs) == 2
    assert len(json.loads(b"".join(client.annotations(job.id, "labelstudio")))) == 2
    with pytest.raises(JobNotFound):
        next(iter(client.annotations(UNKNOWN)))
    with pytest.raises(InvalidRequest, match="coco"):
        next(iter(client.annotations(job, "png")))


def test_what_a_webhook_was_told_and_telling_it_again(
    client: Any, worker: FakeWorker, sender: WebhookSender
) -> None:
    with Receiver() as receiver:
        job = client.submit(files=[picture(0)], webhook=receiver.url)
        assert client.webhook_deliveries(job) == []
        worker.finish(job.id)
        assert sender.send_due() == 1
        [delivery] = client.webhook_deliveries(job.id)
        assert (delivery.state, delivery.last_status) == (DeliveryState.DELIVERED, 204)
        assert client.replay_webhook(job).state is DeliveryState.PENDING
        assert sender.send_due() == 1
        assert len(receiver.calls) == 2
    with pytest.raises(DeliveryNotFound):
        client.replay_webhook(done(client, worker))


@pytest.mark.parametrize("kind", [Client, SyncAsyncClient], ids=["blocking", "async"])
def test_a_document_is_asked_for_again_until_it_begins_and_never_after(kind: Any) -> None:
    busy = problem(503, code="store_unavailable", detail="Try again.", retryable=True)
    with stub_server(busy, StubResponse(body=b"whole")) as server, kind(server.url) as client:
        assert b"".join(client.annotations("some")) == b"whole"
        assert len(server.requests) == 2
    with stub_server(StubResponse(body=b"half", cut=True)) as server, kind(server.url) as client:
        with pytest.raises(ServiceUnreachable):
            b"".join(client.annotations("some"))
        assert len(server.requests) == 1


def test_the_program_writes_a_document_whole_or_not_at_all(
    empty_api: ApiServer, worker: FakeWorker, tmp_path: Path
) -> None:
    def annotations(*arguments: str) -> Any:
        return call_roadmask("annotations", *arguments, cwd=tmp_path, ROADMASK_URL=empty_api.url)

    with Client(empty_api.url) as client:
        job = done(client, worker)
    assert len(json.loads(annotations(job.id).stdout)["images"]) == 2
    told = annotations(job.id, "--format", "cvat", "--out", "cvat/job.xml")
    assert (told.returncode, told.stdout.split()[0]) == (0, "cvat/job.xml")
    assert (tmp_path / "cvat/job.xml").read_bytes().startswith(b"<?xml")
    told = annotations(UNKNOWN, "--out", "none.json")
    assert (told.returncode, told.stderr.startswith("Error: ")) == (2, True)
    assert not (tmp_path / "none.json").exists()


def test_the_program_tells_of_a_webhook_and_replays_it(
    empty_api: ApiServer, worker: FakeWorker, sender: WebhookSender, tmp_path: Path
) -> None:
    def webhook(*arguments: str) -> Any:
        return call_roadmask("webhook", *arguments, cwd=tmp_path, ROADMASK_URL=empty_api.url)

    with Receiver() as receiver, Client(empty_api.url) as client:
        job = client.submit(files=[picture(0)], webhook=receiver.url)
        assert "No deliveries yet" in webhook(job.id).stderr
        worker.finish(job.id)
        sender.send_due()
        assert "job.succeeded  delivered         1     204" in webhook(job.id).stdout
        [told] = json.loads(webhook(job.id, "--replay", "--json").stdout)
        assert (told["state"], told["attempts"]) == ("pending", 0)
