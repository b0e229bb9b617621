"""The study's endpoint: a serialised image in, its mask and the image out."""

from __future__ import annotations

import json
import re
import time
from base64 import b64decode, b64encode, encodebytes
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import numpy as np
import pytest

from api.compat.rest_image import MAX_LISTS_BYTES, read_lists
from roadmask.errors import InvalidRequest
from roadmask.images.decoding import decode
from roadmask.masks.codec import decode_mask
from roadmask.settings import Settings
from storage.objects.keys import image_key
from storage.objects.local import LocalStore
from tests.harness.api.server import ApiServer
from tests.harness.images.api_images import BAD, GOOD, picture
from tests.harness.worker.fake_worker import SIZE, FakeWorker

DOC = Path(__file__).parents[3] / "docs/rest.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", DOC.read_text(), re.DOTALL)
PIXELS = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_upload_bytes": 20_000})


def post(client: httpx.Client, image: Any, **query: float) -> httpx.Response:
    return client.post("/rest/", json={"image": image}, params=query)


def text(data: bytes) -> str:
    return b64encode(data).decode()


@pytest.mark.parametrize("spaces", [None, (", ", ": ")], ids=["httpx", "requests"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_lists_come_back_with_a_mask_of_lists(
    client: httpx.Client, store: LocalStore, busy_worker: FakeWorker, dtype: type, spaces: Any
) -> None:
    lists = PIXELS.astype(dtype).tolist()
    body = json.dumps({"image": lists}, separators=spaces or (",", ":"))
    answer = client.post("/rest/", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    told = answer.json()
    assert told["image"] == lists
    assert told["mask"] == np.ones(SIZE, int).tolist()
    item = client.get(f"{told['job']}/items/0").json()
    kept = store.get(image_key(item["image_id"].removeprefix("sha256-")))
    np.testing.assert_array_equal(decode(kept, 10**6), PIXELS)


@pytest.mark.parametrize("kind", ["jpeg", "png-alpha", "tiff"])
@pytest.mark.parametrize(
    "form",
    [
        text,
        lambda data: f"data:image/png;base64,{text(data)}",
        lambda data: encodebytes(data).decode(),
        lambda data: encodebytes(data).decode().replace("\n", "\r\n"),
    ],
    ids=["plain", "data", "lines", "mime"],
)
def test_a_file_in_base64_comes_back_with_a_png(
    client: httpx.Client, store: LocalStore, busy_worker: FakeWorker, kind: str, form: Any
) -> None:
    data = GOOD[kind]()
    answer = post(client, form(data))
    assert answer.status_code == 200
    told = answer.json()
    assert told["image"] == form(data)
    assert (decode_mask(b64decode(told["mask"])) == 1).all()
    image_id = client.get(f"{told['job']}/items/0").json()["image_id"]
    assert store.get(image_key(image_id.removeprefix("sha256-"))) == data


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_with_its_cause(client: httpx.Client, name: str) -> None:
    make, code = BAD[name]
    answer = post(client, text(make()))
    assert answer.json()["code"] == code


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"image": null}',
        b'{"image": "not base64!"}',
        b'{"image": "abc"}',
        b'{"image": "',
        b'{"image": "QUJD", "more": 1}',
        b'{"image": "QUJD"} {}',
        b'{"image": []}',
        b'{"image": [[]]}',
        b'{"image": [[[]]]}',
        b'{"image": [[[1, 2]]]}',
        b'{"image": [[[1, 2, 3, 4]]]}',
        b'{"image": [[[1, 2, 256]]]}',
        b'{"image": [[[1, 2, -1]]]}',
        b'{"image": [[[1, 2 3, 4]]]}',
        b'{"image": [[[1, , 3]]]}',
        b'{"image": [[[1, 2, NaN]]]}',
        b'{"image": [[[1, 2, 3], [1, 2, 3]], [[1, 2, 3]]]}',
        b'{"image": [[[1, 2, 3]], [1, 2, 3]]}',
        b'{"image": [[[1, 2, 3]]',
        b'{"image": [[["1", 2, 3]]]}',
    ],
)
def test_what_is_no_serialised_image(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/rest/", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_too_much_is_refused(client: httpx.Client, api: ApiServer) -> None:
    assert post(client, text(b"\xff" * 25_000)).status_code == 413
    assert post(client, "A" * 200_000).status_code == 413


def test_lists_are_read_without_lists() -> None:
    wide = np.random.default_rng(2).integers(0, 256, (100, 200, 3), np.uint8)
    np.testing.assert_array_equal(read_lists(json.dumps(wide.tolist()).encode()), wide)
    np.testing.assert_array_equal(read_lists(b"[[[1.4,1.5, 2.5e2]]]"), [[[1, 2, 250]]])
    with pytest.raises(InvalidRequest, match="rows"):
        read_lists(b"[[[1,2,3]],[[1,2]]]")
    whole = 2048 * 1024 * len("[255, 255, 255], ")
    assert whole < MAX_LISTS_BYTES


def test_waiting_has_an_end_and_the_job_goes_on(client: httpx.Client, worker: FakeWorker) -> None:
    answer = post(client, text(picture()), wait=0.2)
    assert (answer.status_code, answer.json()["code"]) == (504, "not_in_time")
    url = answer.json()["job"]
    assert url in answer.json()["detail"]
    job = client.get(url).json()
    assert (job["state"], job["lane"]) == ("queued", "interactive")
    worker.finish(job["id"])
    assert client.get(url).json()["state"] == "succeeded"


def test_others_are_answered_while_a_call_waits(client: httpx.Client, worker: FakeWorker) -> None:
    waiting = [
        Thread(target=post, args=(client, text(picture(n))), kwargs={"wait": 5}) for n in range(60)
    ]
    for thread in waiting:
        thread.start()
    while len(jobs := client.get("/v1/jobs").json()["jobs"]) < 60:
        assert client.get("/healthz").is_success
    for job in jobs:
        worker.finish(job["id"])
    for thread in waiting:
        thread.join()
    assert len(jobs) == 60


def test_a_failing_image_is_told_as_the_calls_own_error(
    client: httpx.Client, worker: FakeWorker
) -> None:
    thread_answer: list[httpx.Response] = []
    call = Thread(target=lambda: thread_answer.append(post(client, text(picture()))))
    call.start()
    while not (jobs := client.get("/v1/jobs").json()["jobs"]):
        time.sleep(0.02)
    worker.finish(jobs[0]["id"], failing=(0,))
    call.join()
    [answer] = thread_answer
    assert (answer.status_code, answer.json()["code"]) == (422, "image_unreadable")


@pytest.mark.parametrize("snippet", SNIPPETS, ids=["lists", "base64"])
def test_the_snippets_of_the_documentation_run(
    empty_api: ApiServer,
    busy_worker: FakeWorker,
    snippet: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("street.jpg").write_bytes(picture())
    names: dict[str, Any] = {}
    exec(snippet.replace("http://127.0.0.1:8000", empty_api.url), names)
    if "mask" in names:
        assert (names["mask"].shape, names["mask"].max()) == (SIZE, 1)
    else:
        assert decode_mask(Path("mask.png").read_bytes()).shape == SIZE
