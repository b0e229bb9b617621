"""Events are streamed while things happen, and told again to whoever was cut off."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest

from roadmask.client.sse import EventParser
from roadmask.schemas.events import Event
from tests.harness.api.submission import submit
from tests.harness.images.api_images import put_many
from tests.harness.worker.fake_worker import FakeWorker


def parse_events(lines: Iterable[str]) -> Iterator[Event]:
    parser = EventParser()
    return (event for line in lines if (event := parser.feed(line)))


def read(client: httpx.Client, job_id: str, last_id: str | None = None) -> list[Event]:
    """All events of an ended job."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with client.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as response:
        return list(parse_events(response.iter_lines()))


def kinds(events: list[Event]) -> list[tuple[str, Any]]:
    return [(event.type, event.data.get("index", event.data.get("state"))) for event in events]


def test_a_stream_follows_the_job_to_its_end(client: httpx.Client, worker: FakeWorker) -> None:
    job_id = submit(client, put_many(client, 2))
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["Cache-Control"] == "no-cache"
        events: Iterator[Event] = parse_events(response.iter_lines())
        first = next(events)
        assert (first.type, first.data["state"]) == ("job", "queued")
        worker.succeed(job_id, 0)
        item = next(event for event in events if event.type == "item")
        assert item.data["index"] == 0
        worker.fail(job_id, 1)
        worker.release()
        rest = list(events)
    assert rest[-1].is_last
    assert rest[-1].data["state"] == "completed_with_errors"
    assert rest[-1].data["counts"]["failed"] == 1
    errors = [event.data["error"] for event in rest if event.type == "item"]
    assert errors == ["image_unreadable"]


def test_the_stream_has_the_form_of_the_standard(client: httpx.Client, worker: FakeWorker) -> None:
    job_id = submit(client, put_many(client, 1))
    worker.finish(job_id)
    text = client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "0"}).text
    blocks = [block.splitlines() for block in text.split("\n\n") if block]
    assert blocks[0] == ["retry: 2000"]
    for block in blocks[1:]:
        fields = dict(line.split(": ", 1) for line in block)
        assert fields.keys() == {"event", "data", "id"}
        json.loads(fields["data"])


def test_a_cut_off_client_is_told_what_it_missed(client: httpx.Client, worker: FakeWorker) -> None:
    job_id = submit(client, put_many(client, 3))
    worker.finish(job_id)
    whole = read(client, job_id, "0")
    assert [index for kind, index in kinds(whole) if kind == "item"] == [0, 1, 2]
    for position, event in enumerate(whole[:-1]):
        assert read(client, job_id, event.id) == whole[position + 1 :]


def test_an_ended_job_is_told_at_once(client: httpx.Client, worker: FakeWorker) -> None:
    job_id = submit(client, put_many(client, 1))
    worker.finish(job_id)
    [only] = read(client, job_id)
    assert only.is_last
    assert read(client, job_id, only.id) == [only]


@pytest.mark.parametrize("last_id", ["x", "1-2-3", "9" * 30, "-1"])
def test_an_odd_last_event_id_is_malformed(client: httpx.Client, last_id: str) -> None:
    job_id = submit(client, put_many(client, 1))
    answer = client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": last_id})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
