"""Each request has an id and one log line: what was asked, by whom, and what came of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client import REGISTRY

from roadmask.settings import Settings
from tests.harness.api.server import ApiServer
from tests.harness.api.submission import UNKNOWN
from tests.harness.images.api_images import picture, put
from tests.harness.waiting import wait_until
from tests.servers.process import HOST, free_port


def logged(log: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """The lines of requests, at least one: it is written when the answer has been sent."""
    return wait_until(lambda: requests(log))


def requests(log: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in log.records if record.getMessage() == "request"]


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


def test_the_id_of_a_request_is_honoured_and_returned(client: httpx.Client) -> None:
    sent = {"X-Request-ID": "trace-1.a:b/c"}
    assert client.get("/v1/taxonomy", headers=sent).headers["X-Request-ID"] == "trace-1.a:b/c"
    assert client.get("/nothing", headers=sent).headers["X-Request-ID"] == "trace-1.a:b/c"


@pytest.mark.parametrize("forged", ["", "a b", "x" * 129, 'a"b'])
def test_an_id_that_is_none_is_replaced(client: httpx.Client, forged: str) -> None:
    answers = [client.get("/healthz", headers={"X-Request-ID": forged}) for _ in range(2)]
    first, second = (answer.headers["X-Request-ID"] for answer in answers)
    assert len(first) == 32
    assert first != second


def test_a_request_is_one_line(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    client.get(f"/v1/jobs/{UNKNOWN}?wait=0")
    (line,) = logged(caplog)
    about = vars(line)
    assert (about["method"], about["path"]) == ("GET", f"/v1/jobs/{UNKNOWN}")
    assert (about["status"], about["code"], about["client"]) == (404, "job_not_found", HOST)
    assert about["duration_ms"] > 0


def test_the_worker_knows_the_request_that_created_a_job(
    client: httpx.Client, empty_api: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"images": [{"id": put(client, picture())}]}
    answer = client.post("/v1/jobs", json=body, headers={"X-Request-ID": "trace-2"})
    job_id = answer.json()["id"]
    claim = empty_api.app.state.components.storage.leases.claim(job_id, "worker")
    assert claim.origin == {"request_id": "trace-2"}
    (line,) = [each for each in caplog.records if each.getMessage() == "job accepted"]
    assert vars(line)["job_id"] == job_id


def test_probes_are_logged_only_when_they_fail(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/healthz")
    client.get("/metrics")
    assert requests(caplog) == []
    client.get("/readyz")
    assert [vars(line)["code"] for line in logged(caplog)] == ["workers_unavailable"]


def test_requests_are_counted_by_route_and_status(client: httpx.Client) -> None:
    def count(route: str, status: str) -> float:
        labels = {"method": "GET", "route": route, "status": status}
        return REGISTRY.get_sample_value("roadmask_http_requests_total", labels) or 0.0

    before = count("/v1/jobs/{job_id}", "404"), count("none", "404")
    for n in range(3):
        client.get(f"/v1/jobs/{UNKNOWN[:-1]}{n}")
        client.get(f"/nothing/{n}")
    after = count("/v1/jobs/{job_id}", "404"), count("none", "404")
    assert [b - a for a, b in zip(before, after, strict=True)] == [3, 3]


@pytest.fixture
def without_redis(settings: Settings) -> Iterator[ApiServer]:
    """An API whose Redis does not answer."""
    changed = {
        "redis_url": f"redis://{HOST}:{free_port()}/0",
        "public_url": f"http://{HOST}:{free_port()}",
    }
    with ApiServer(settings.model_copy(update=changed)) as server:
        yield server


def test_the_line_of_a_503_has_its_cause(
    without_redis: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    httpx.get(f"{without_redis.url}/v1/jobs", timeout=20)
    about = vars(logged(caplog)[0])
    assert (about["status"], about["code"]) == (503, "records_unavailable")
    assert about["cause"].startswith("ConnectionError: Error 111 connecting to")
