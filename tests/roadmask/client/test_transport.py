"""What both clients do when the service falters: real sockets, answers as the test says."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread, Timer
from typing import Any

import certifi
import httpx
import pytest

from roadmask import AsyncClient, Client
from roadmask.errors import (
    IncompatibleService,
    InvalidId,
    InvalidRequest,
    JobClosed,
    NotFound,
    QueueFull,
    RoadmaskError,
    ServiceUnreachable,
    Unavailable,
    error_classes,
)
from roadmask.hashing import sha256_of_file
from roadmask.schemas.jobs import Item, ItemState, Result
from tests.harness.client.stub_server import StubResponse, problem, stub_server
from tests.harness.client.sync_async_client import SyncAsyncClient
from tests.harness.waiting import wait_until
from tests.servers.process import HOST, free_port

Connect = Callable[..., Any]


@pytest.fixture(params=[Client, SyncAsyncClient], ids=["blocking", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes clients of one kind, and closes them."""
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(request.param(*args, **options))


BUSY = problem(503, code="unavailable", detail="Later.")
LOST = StubResponse(body=b"half", cut=True)


@pytest.mark.parametrize("passing", [BUSY, StubResponse(502), StubResponse(429), LOST], ids=repr)
def test_a_read_is_tried_again(connect: Connect, passing: StubResponse) -> None:
    with stub_server(passing, passing, StubResponse(body=b'{"ok": 1}')) as server:
        assert connect(server.url).get("/v1/service") == {"ok": 1}
    assert len(server.requests) == 3


@pytest.mark.parametrize("passing", [BUSY, LOST], ids=repr)
def test_a_write_that_may_have_arrived_is_not_sent_again(
    connect: Connect, passing: StubResponse
) -> None:
    with stub_server(passing, StubResponse()) as server, pytest.raises(Unavailable):
        connect(server.url).retry("job")
    assert len(server.requests) == 1


def test_a_job_is_handed_in_again_under_the_same_key(connect: Connect) -> None:
    closed = problem(409, code="job_closed", detail="No.")
    with stub_server(LOST, BUSY, closed) as server, pytest.raises(JobClosed):
        connect(server.url).submit(["a/b"])
    keys = {asked.headers["idempotency-key"] for asked in server.requests}
    assert len(server.requests) == 3
    assert len(keys) == 1


def test_two_jobs_have_two_keys(connect: Connect) -> None:
    closed = problem(409, code="job_closed", detail="No.")
    with stub_server(closed) as server:
        for _ in range(2):
            with pytest.raises(JobClosed):
                connect(server.url).submit(["a/b"])
    assert len({asked.headers["idempotency-key"] for asked in server.requests}) == 2


def test_the_server_says_how_long_to_wait(connect: Connect) -> None:
    busy = StubResponse(503, headers={"Retry-After": "1"})
    started = time.monotonic()
    with stub_server(busy, StubResponse()) as server:
        connect(server.url).get("/v1/service")
    assert time.monotonic() - started >= 1


def test_a_wait_beyond_the_patience_is_not_begun(connect: Connect) -> None:
    busy = StubResponse(429, headers={"Retry-After": "3600"})
    with stub_server(busy) as server, pytest.raises(QueueFull):
        connect(server.url, patience=5).get("/v1/service")
    assert len(server.requests) == 1


def test_tries_end_with_the_patience(connect: Connect) -> None:
    with stub_server(BUSY) as server, pytest.raises(Unavailable, match="Later"):
        connect(server.url, patience=1).get("/v1/service")
    assert len(server.requests) > 1


def test_nobody_answers(connect: Connect) -> None:
    url = f"http://{HOST}:{free_port()}"
    with pytest.raises(ServiceUnreachable, match="roadmask up"):
        connect(url, patience=0).get("/healthz")


def test_a_service_that_is_starting_is_waited_for(connect: Connect) -> None:
    """A refused connection carried nothing, so any call may be made again."""
    port, closed = free_port(), problem(409, code="job_closed", detail="No.")
    with ExitStack() as stack:
        late = Timer(0.5, lambda: stack.enter_context(stub_server(closed, port=port)))
        late.start()
        with pytest.raises(JobClosed):
            connect(f"http://{HOST}:{port}").retry("job")
        late.join()


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.fetch(f"{client.base_url}/mask.png"),
        lambda client: list(client.events("job")),
    ],
    ids=["call", "events"],
)
def test_a_service_that_is_away_is_told_until_it_answers(ask: Callable[[Client], Any]) -> None:
    port, last = free_port(), b'event: job\ndata: {"state": "succeeded"}\n\n'
    with Client(f"http://{HOST}:{port}") as client:
        asking = Thread(target=ask, args=(client,))
        asking.start()
        wait_until(lambda: client.api.transport.disconnected)
        with stub_server(StubResponse(body=last), port=port):
            asking.join()
        assert not client.api.transport.disconnected


@pytest.mark.parametrize("code", sorted(error_classes()))
def test_errors_of_the_service_are_raised_as_what_they_are(connect: Connect, code: str) -> None:
    cls = error_classes()[code]
    error = cls("What happened and what to do.", limit=7)
    with stub_server(problem(**error.problem())) as server, pytest.raises(cls) as raised:
        connect(server.url, patience=0).get("/v1/service")
    assert type(raised.value) is cls
    assert raised.value.detail == "What happened and what to do."
    assert raised.value.extra == {"limit": 7}


@pytest.mark.parametrize(
    ("status", "cls"), [(404, NotFound), (502, Unavailable), (500, RoadmaskError)]
)
def test_errors_of_others_are_known_by_their_status(
    connect: Connect, status: int, cls: type[RoadmaskError]
) -> None:
    with stub_server(StubResponse(status, b"<html>")) as server, pytest.raises(cls) as raised:
        connect(server.url, patience=0).get("/v1/service")
    assert str(status) in raised.value.detail


DEEP = b"[" * 100_000
ODD = [
    (StubResponse(body=b"no gzip", headers={"Content-Encoding": "gzip"}), ServiceUnreachable),
    (StubResponse(body=DEEP), IncompatibleService),
    (StubResponse(400, DEEP), RoadmaskError),
    (StubResponse(503, headers={"Retry-After": "\xb2"}), Unavailable),
    (problem(400, code="invalid_request", detail="No.", self=1), InvalidRequest),
    (StubResponse(308, headers={"Location": "https://new.example/?s=secret"}), IncompatibleService),
]


@pytest.mark.parametrize(("answer", "cls"), ODD, ids=str)
def test_an_odd_answer_is_an_error_of_roadmask(
    connect: Connect, answer: StubResponse, cls: type[RoadmaskError]
) -> None:
    with stub_server(answer) as server:
        client = connect(server.url, patience=0)
        for ask in (client.service, lambda: list(client.events("job"))):
            with pytest.raises(cls) as raised:
                ask()
            assert type(raised.value) is cls
            assert "Nothing answers" not in raised.value.detail


def test_a_redirect_names_the_new_address_without_its_query(connect: Connect) -> None:
    answer, _ = ODD[-1]
    with stub_server(answer) as server, pytest.raises(IncompatibleService) as raised:
        connect(server.url).get("/v1/service")
    assert "308 Permanent Redirect: https://new.example/." in raised.value.detail
    assert len(server.requests) == 1


@pytest.mark.parametrize("data", [b"<html>", b"[1]", DEEP])
def test_an_event_that_is_no_json_object(connect: Connect, data: bytes) -> None:
    with stub_server(StubResponse(body=b"data: " + data + b"\n\n")) as server:
        client = connect(server.url, patience=0)
        with pytest.raises(IncompatibleService, match="an event that is not a JSON object"):
            list(client.events("job"))


def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(connect: Connect) -> None:
    for key in ("sec\nret", "\u0441ecret", "sec\0ret"):
        with pytest.raises(InvalidRequest, match="no header can carry") as raised:
            connect("http://127.0.0.1:9", key)
        assert "ret" not in raised.value.detail
    with stub_server(StubResponse()) as server:
        connect(server.url, " of-a-file\r\n").get("/v1/service")
    assert server.requests[0].headers["authorization"] == "Bearer of-a-file"


@pytest.mark.parametrize("odd", ["", "..", "x" * 100_000, "bad\udcff"])
def test_what_is_no_id_is_not_sent(connect: Connect, odd: str) -> None:
    with stub_server(StubResponse()) as server:
        client = connect(server.url)
        for ask, words in (
            (client.job, ()),
            (client.artifact, ()),
            (client.sharing, ("dataset",)),
            (client.erase, ("job",)),
        ):
            with pytest.raises(InvalidId):
                ask(*words, odd)
    assert server.requests == []


@pytest.mark.parametrize("link", ["http://mask:port/", "mask.png", "ftp://host/mask.png"])
def test_a_link_that_is_no_url(connect: Connect, link: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a URL"):
        connect("http://127.0.0.1:9", patience=0).fetch(link)


def test_a_file_is_sent_whole_on_every_try(connect: Connect, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(bytes(range(256)) * 4096)
    refused = problem(415, code="unsupported_format", detail="No.")
    with stub_server(BUSY, refused) as server, pytest.raises(RoadmaskError, match="No"):
        connect(server.url).put_image(sha256_of_file(photo), photo)
    first, second = server.requests
    assert first.body == second.body == photo.read_bytes()
    assert first.headers["content-length"] == str(256 * 4096)


def test_the_key_goes_to_the_service_and_not_to_the_store(connect: Connect) -> None:
    with stub_server(StubResponse()) as service, stub_server(StubResponse(body=b"mask")) as store:
        client = connect(service.url, "secret-key")
        client.get("/v1/service")
        result = Result(
            mask_key="k", mask_url=f"{store.url}/m?sig=1", width=1, height=1, shares={}, artifact=""
        )
        item = Item(index=0, image_id="a/b", state=ItemState.SUCCEEDED, result=result)
        assert client.mask_bytes(item) == b"mask"
    assert service.requests[0].headers["authorization"] == "Bearer secret-key"
    assert "secret-key" not in str(store.requests)


def test_the_key_goes_to_no_other_host(connect: Connect) -> None:
    with stub_server(StubResponse()) as service, stub_server(StubResponse()) as other:
        client = connect(service.url, "secret key")
        for path in (f"{other.url}/v1/jobs", f"//{other.url.partition('//')[2]}/", "v1/jobs"):
            with pytest.raises(InvalidRequest, match="no path of the service"):
                client.get(path)
        with pytest.raises(InvalidId):
            client.image("../jobs")
        with pytest.raises(IncompatibleService):
            client.job("../../v1/images/x")
    assert other.requests == []
    assert [request.path for request in service.requests] == ["/v1/jobs/..%2F..%2Fv1%2Fimages%2Fx"]


def test_the_environment_says_where_and_with_which_key(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stub_server(StubResponse()) as server:
        monkeypatch.setenv("ROADMASK_URL", server.url)
        monkeypatch.setenv("ROADMASK_API_KEY", "from-environment")
        connect().get("/v1/service")
    assert server.requests[0].headers["authorization"] == "Bearer from-environment"


def test_each_list_of_authorities_is_read_once(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read: list[str] = []
    create = httpx.create_ssl_context

    def counted() -> ssl.SSLContext:
        read.append(Path(os.environ["SSL_CERT_FILE"]).name)
        return create()

    monkeypatch.setattr(httpx, "create_ssl_context", counted)
    for name in ("a.pem", "b.pem", "a.pem"):
        shutil.copy(certifi.where(), tmp_path / name)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        connect("http://127.0.0.1:1")
    assert read == ["a.pem", "b.pem"]


def _events(*events: tuple[str, str, Mapping[str, object]]) -> bytes:
    return b"".join(
        f"id: {event_id}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()
        for event_id, kind, data in events
    )


def test_events_go_on_after_the_last_one_seen(connect: Connect) -> None:
    item = {"index": 0, "state": "succeeded"}
    end = {"state": "succeeded"}
    first = _events(("1-0", "item", item)) + b": ping\n\n"
    rest = _events(("2-0", "item", {"index": 1, "state": "failed"}), ("3-0", "job", end))
    with stub_server(StubResponse(body=first, cut=True), BUSY, StubResponse(body=rest)) as server:
        events = list(connect(server.url).events("job"))
    assert [event.id for event in events] == ["1-0", "2-0", "3-0"]
    assert [event.type for event in events] == ["item", "item", "job"]
    assert [asked.headers["last-event-id"] for asked in server.requests] == ["0", "1-0", "1-0"]


def test_a_connection_that_is_lost_after_a_long_quiet_is_made_again(connect: Connect) -> None:
    quiet = StubResponse(body=b": ping\n\n", cut=True, delay_s=1)
    end = StubResponse(body=_events(("1-0", "job", {"state": "succeeded"})))
    with stub_server(quiet, end) as server:
        events = list(connect(server.url, patience=0.9).events("job"))
    assert [event.id for event in events] == ["1-0"]


def test_a_stream_that_breaks_off_at_its_head_uses_up_the_patience(connect: Connect) -> None:
    head = StubResponse(body=b"retry: 2000\n\n", cut=True)
    with stub_server(head) as server, pytest.raises(ServiceUnreachable):
        list(connect(server.url, patience=0.5).events("job"))


def test_events_beyond_the_rate_of_the_key_are_asked_for_again(connect: Connect) -> None:
    over = problem(429, code="too_many_requests", detail="Later.")
    end = StubResponse(body=_events(("1-0", "job", {"state": "succeeded"})))
    with stub_server(over, over, end) as server:
        assert [event.id for event in connect(server.url).events("job")] == ["1-0"]


def test_events_of_a_job_that_does_not_exist(connect: Connect) -> None:
    missing = problem(404, code="job_not_found", detail="No such job.")
    with stub_server(missing) as server, pytest.raises(NotFound):
        list(connect(server.url).events("job"))


@pytest.mark.slow
def test_calls_that_wait_for_each_other_are_not_the_silence_of_the_service() -> None:
    """Connections are few: the last calls wait longer than the service may be silent."""
    handlers: set[asyncio.Task[Any]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.update(filter(None, [asyncio.current_task()]))
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(2)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async def ask(count: int) -> list[Any]:
        async with await asyncio.start_server(answer, HOST) as server:
            port = server.sockets[0].getsockname()[1]
            async with AsyncClient(f"http://{HOST}:{port}", timeout=6, patience=0) as client:
                answers = await asyncio.gather(*(client.get("/v1/jobs") for _ in range(count)))
            await asyncio.wait(handlers)
        return answers

    assert asyncio.run(ask(320)) == [{}] * 320


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_proxy_is_asked_for_a_service_on_this_machine(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with stub_server(StubResponse()) as server:
        connect(server.url.replace("127.0.0.1", host)).get("/v1/service")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("HTTP_PROXY", "http://127.0.0.1:9"), ("ALL_PROXY", "socks5://127.0.0.1:9")],
)
def test_an_address_behind_a_proxy_says_so(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ServiceUnreachable, match="through a proxy: check HTTP_PROXY"):
        connect("http://gpu.example:8000", patience=0).get("/v1/service")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:9"),
        ("HTTPS_PROXY", "gopher://127.0.0.1:9"),
        ("NO_PROXY", "[::1"),
        ("NO_PROXY", "fe80::/10"),
        ("SSL_CERT_FILE", "/nowhere"),
        ("SSL_CERT_FILE", os.devnull),
        ("SSL_CERT_FILE", __file__),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidRequest, match=name):
        connect("http://127.0.0.1:9", patience=0)
