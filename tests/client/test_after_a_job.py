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
from roadmask.jobs import Job
from roadmask.masks import decode_mask
from roadmask.settings import Settings
from roadmask.webhooks import DeliveryState
from storage.deliveries import Deliveries
from storage.local_store import LocalStore
from tests.api.fake_worker import SIZE, FakeWorker
from tests.api.pictures import picture
from tests.api.server import ApiServer
from tests.cli.conftest import run_roadmask
from tests.client.driven import Driven
from tests.client.scripted import Answer, problem, scripted
from tests.servers.receiver import SECRET, Receiver
from worker.messenger import Messenger

UNKNOWN = "01a20000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    told = {"webhook_hosts": ["127.0.0.1"], "webhook_secret": SecretStr(SECRET)}
    return settings.model_copy(update=told)


@pytest.fixture(params=[Client, Driven], ids=["blocking", "async"])
def client(empty_api: ApiServer, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each client in turn, of an empty service."""
    with request.param(empty_api.url, patience=5) as client:
        yield client


@pytest.fixture
def messenger(redis: Redis, store: LocalStore, settings: Settings) -> Messenger:
    return Messenger(Deliveries(redis, store, settings), settings)


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
    client: Any, worker: FakeWorker, messenger: Messenger
) -> None:
    with Receiver() as receiver:
        job = client.submit(files=[picture(0)], webhook=receiver.url)
        assert client.webhook_deliveries(job) == []
        worker.finish(job.id)
        assert messenger.run() == 1
        [delivery] = client.webhook_deliveries(job.id)
        assert (delivery.state, delivery.last_status) == (DeliveryState.DELIVERED, 204)
        assert client.replay_webhook(job).state is DeliveryState.PENDING
        assert messenger.run() == 1
        assert len(receiver.calls) == 2
    with pytest.raises(DeliveryNotFound):
        client.replay_webhook(done(client, worker))


@pytest.mark.parametrize("kind", [Client, Driven], ids=["blocking", "async"])
def test_a_document_is_asked_for_again_until_it_begins_and_never_after(kind: Any) -> None:
    busy = problem(503, code="store_unavailable", detail="Try again.", retryable=True)
    with scripted(busy, Answer(body=b"whole")) as script, kind(script.url) as client:
        assert b"".join(client.annotations("some")) == b"whole"
        assert len(script.asked) == 2
    with scripted(Answer(body=b"half", cut=True)) as script, kind(script.url) as client:
        with pytest.raises(ServiceUnreachable):
            b"".join(client.annotations("some"))
        assert len(script.asked) == 1


def test_the_program_writes_a_document_whole_or_not_at_all(
    empty_api: ApiServer, worker: FakeWorker, tmp_path: Path
) -> None:
    def annotations(*arguments: str) -> Any:
        return run_roadmask("annotations", *arguments, cwd=tmp_path, ROADMASK_URL=empty_api.url)

    with Client(empty_api.url) as client:
        job = done(client, worker)
    assert len(json.loads(annotations(job.id).stdout)["images"]) == 2
    told = annotations(job.id, "--format", "cvat", "--out", "cvat/job.xml")
    assert (told.returncode, told.stdout.split()[0]) == (0, "cvat/job.xml")
    assert (tmp_path / "cvat/job.xml").read_bytes().startswith(b"<?xml")
    told = annotations(UNKNOWN, "--out", "none.json")
    assert (told.returncode, told.stderr.startswith("Error: ")) == (1, True)
    assert not (tmp_path / "none.json").exists()


def test_the_program_tells_of_a_webhook_and_replays_it(
    empty_api: ApiServer, worker: FakeWorker, messenger: Messenger, tmp_path: Path
) -> None:
    def webhook(*arguments: str) -> Any:
        return run_roadmask("webhook", *arguments, cwd=tmp_path, ROADMASK_URL=empty_api.url)

    with Receiver() as receiver, Client(empty_api.url) as client:
        job = client.submit(files=[picture(0)], webhook=receiver.url)
        assert "Nothing was told yet" in webhook(job.id).stderr
        worker.finish(job.id)
        messenger.run()
        assert "job.succeeded  delivered  1 try  HTTP 204" in webhook(job.id).stdout
        [told] = json.loads(webhook(job.id, "--replay", "--json").stdout)
        assert (told["state"], told["attempts"]) == ("pending", 0)
