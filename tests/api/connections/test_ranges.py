"""Parts of a mask, a mask that the client has, and JSON that is compressed."""

from __future__ import annotations

import httpx
import pytest

from tests.harness.api.submission import submit
from tests.harness.images.api_images import put_many
from tests.harness.worker.fake_worker import FakeWorker


@pytest.fixture(params=["route", "signed link"])
def mask(client: httpx.Client, worker: FakeWorker, request: pytest.FixtureRequest) -> str:
    """The URL of a mask."""
    job_id = submit(client, put_many(client, 1))
    worker.finish(job_id)
    if request.param == "route":
        return f"/v1/jobs/{job_id}/items/0/mask"
    return str(client.get(f"/v1/jobs/{job_id}/items/0").json()["result"]["mask_url"])


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("0-9", slice(0, 10)),
        ("10-", slice(10, None)),
        ("-7", slice(-7, None)),
        ("3-99999999", slice(3, None)),
    ],
)
def test_a_part_is_sent(client: httpx.Client, mask: str, asked: str, part: slice) -> None:
    whole = client.get(mask)
    assert whole.headers["Accept-Ranges"] == "bytes"
    answer = client.get(mask, headers={"Range": f"bytes={asked}"})
    assert (answer.status_code, answer.content) == (206, whole.content[part])
    size = len(whole.content)
    start = range(size)[part].start
    assert (
        answer.headers["Content-Range"] == f"bytes {start}-{start + len(answer.content) - 1}/{size}"
    )
    assert answer.headers["Content-Length"] == str(len(answer.content))


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "bytes=5-2", "bytes=-", "lines=1-2"])
def test_other_ranges_are_ignored(client: httpx.Client, mask: str, asked: str) -> None:
    assert client.get(mask, headers={"Range": asked}).status_code == 200


def test_a_part_beyond_the_end_is_refused(client: httpx.Client, mask: str) -> None:
    size = len(client.get(mask).content)
    answer = client.get(mask, headers={"Range": f"bytes={size}-"})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_unsatisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{size}"


def test_a_part_of_another_version_is_the_whole(client: httpx.Client, mask: str) -> None:
    tag = client.get(mask).headers["ETag"]
    for given, status in ((tag, 206), ('"other"', 200)):
        headers = {"Range": "bytes=0-3", "If-Range": given}
        assert client.get(mask, headers=headers).status_code == status


def test_what_the_client_has_is_not_sent_again(client: httpx.Client, mask: str) -> None:
    tag = client.get(mask).headers["ETag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = client.get(mask, headers={"If-None-Match": given})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    assert client.get(mask, headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_tells_the_size_and_that_parts_can_be_had(client: httpx.Client, mask: str) -> None:
    head = client.head(mask)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(client.get(mask).content))
    assert head.headers["Accept-Ranges"] == "bytes"


def test_long_json_is_compressed_and_masks_are_not(client: httpx.Client, mask: str) -> None:
    answer = client.get("/openapi.json")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json()["info"]["title"] == "Roadmask"
    plain = client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert answer.num_bytes_downloaded < plain.num_bytes_downloaded / 4
    assert "Content-Encoding" not in client.get(mask).headers
