"""A job handed in as a form, with its images."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from roadmask.settings import Settings
from storage.objects.keys import image_key
from storage.objects.local import LocalStore
from tests.harness.images.api_images import digest, picture
from tests.harness.worker.fake_worker import FakeWorker


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_upload_bytes": 4000})


def test_a_form_becomes_a_job_of_its_files(client: httpx.Client, worker: FakeWorker) -> None:
    files = [("files", (f"{n}.jpg", picture(n))) for n in range(3)]
    answer = client.post("/v1/jobs", files=files, data={"job": '{"name": "walk"}'})
    job = answer.json()
    assert (answer.status_code, job["name"]) == (202, "walk")
    items = client.get(job["urls"]["items"]).json()["items"]
    assert [item["custom_id"] for item in items] == ["0.jpg", "1.jpg", "2.jpg"]
    assert [item["image_id"] for item in items] == [
        f"sha256-{digest(picture(n))}" for n in range(3)
    ]
    assert client.get(f"/v1/images/{items[0]['image_id']}").is_success
    replay = [
        client.post("/v1/jobs", files=files, headers={"Idempotency-Key": "form"}) for _ in "ab"
    ]
    assert [answer.status_code for answer in replay] == [202, 200]


@pytest.mark.parametrize("bad", [b"", b"no image", picture(file_format="GIF")])
def test_a_bad_file_of_a_form_is_accepted_to_fail_alone(
    client: httpx.Client, store: LocalStore, bad: bytes
) -> None:
    files = [("files", ("good.jpg", picture())), ("files", ("bad.jpg", bad))]
    answer = client.post("/v1/jobs", files=files)
    assert (answer.status_code, answer.json()["counts"]["total"]) == (202, 2)
    assert store.get(image_key(digest(bad))) == bad
    # Its bytes wait for the worker; as an image it is not known.
    assert client.get(f"/v1/images/sha256-{digest(bad)}").status_code == 404


@pytest.mark.parametrize(
    "fields", ['{"dataset": "scenes"}', '{"images": [{"id": "a/b"}]}', "{", '{"nme": "x"}']
)
def test_the_job_field_of_a_form_is_checked(client: httpx.Client, fields: str) -> None:
    answer = client.post("/v1/jobs", files={"files": picture()}, data={"job": fields})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_form_with_a_file_that_cannot_be_kept_is_refused_whole(
    client: httpx.Client, settings: Settings
) -> None:
    files = [
        ("files", ("good.jpg", picture())),
        ("files", ("long.jpg", bytes(settings.max_upload_bytes + 1))),
    ]
    answer = client.post("/v1/jobs", files=files)
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    assert "long.jpg" in answer.json()["detail"]
    assert client.get("/v1/jobs").json()["jobs"] == []


@pytest.mark.parametrize("job", ['{"name": "' + "x" * 70_000 + '"}', None])
def test_the_text_of_a_form_has_a_limit(client: httpx.Client, job: str | None) -> None:
    parts = [("job", job)] if job else [("job", "{}"), ("job", "{}")]
    files: list[tuple[str, Any]] = [("files", ("a.jpg", picture()))]
    files += [(name, (None, text)) for name, text in parts]
    answer = client.post("/v1/jobs", files=files)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert ("text fields" if job else "twice") in answer.json()["detail"]
