"""Label Studio's ML backend protocol, spoken as Label Studio speaks it."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import httpx
import numpy as np
import pytest
from redis import Redis

from api.compat import label_studio
from roadmask.settings import Settings
from storage.objects.local import LocalStore
from tests.harness.api.server import ApiServer
from tests.harness.images.api_images import digest, picture, put
from tests.harness.images.brush_strokes import decode_rle
from tests.harness.waiting import PATIENCE_S
from tests.harness.worker.fake_worker import CONFIDENCE, SIZE, FakeWorker

KEY = "a key of the service"
CONFIG = """<View>
  <Image name="photo" value="$street" zoom="true"/>
  <BrushLabels name="stroke" toName="photo">
    <Label value="flat" background="#804080"/><Label value="sky"/>
  </BrushLabels>
</View>"""


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"api_key_hashes": [hashlib.sha256(KEY.encode()).hexdigest()]}
    )


@pytest.fixture
def client(client: httpx.Client) -> httpx.Client:
    """As Label Studio connects: with a user's name and a password."""
    client.auth = ("label-studio", KEY)
    return client


@pytest.fixture
def image_id(client: httpx.Client) -> str:
    """A catalogued image."""
    headers = {"X-API-Key": KEY}
    put_client = httpx.Client(base_url=client.base_url, headers=headers)
    with put_client:
        put(put_client, picture())
        entries = [{"name": "000001", "sha256": digest(picture())}]
        put_client.post("/v1/datasets/scenes/images", json=entries).raise_for_status()
    return "scenes/000001"


def predict(client: httpx.Client, *images: Any, config: str = CONFIG) -> httpx.Response:
    """The request as Label Studio makes it."""
    tasks = [{"id": n, "data": {"street": image}} for n, image in enumerate(images)]
    body = {
        "tasks": tasks,
        "model_version": "",
        "project": "7.1764000000",
        "label_config": config,
        "params": {"login": None, "password": None, "context": None},
    }
    return client.post("/label-studio/predict", json=body)


def test_a_project_is_connected(client: httpx.Client) -> None:
    assert client.get("/label-studio/health").json()["status"] == "UP"
    body = {
        "project": "7.1764000000",
        "schema": CONFIG,
        "hostname": "http://localhost:8080",
        "access_token": "secret",
        "extra_params": None,
    }
    answer = client.post("/label-studio/setup", json=body)
    assert (answer.status_code, answer.json()) == (200, {"model_version": "default"})


def test_an_image_in_every_way_that_it_can_be_named(
    client: httpx.Client, busy_worker: FakeWorker, image_id: str, settings: Settings
) -> None:
    uploaded = f"sha256-{digest(picture())}"
    headers = {"X-API-Key": KEY}
    signed = httpx.get(f"{settings.public_url}/v1/images/{image_id}", headers=headers).json()
    names = [
        image_id,
        uploaded,
        f"{settings.public_url}/v1/images/{image_id}/content",
        f"/v1/images/{image_id}",
        signed["content_url"],
        f"data:image/jpeg;base64,{b64encode(picture(5)).decode()}",
    ]
    answer = predict(client, *names)
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert len(results) == len(names)
    for prediction in results:
        assert prediction["model_version"] == "fake@1"
        [region] = prediction["result"]
        assert (region["from_name"], region["to_name"]) == ("stroke", "photo")
        assert (region["original_height"], region["original_width"]) == SIZE
        assert region["value"]["brushlabels"] == ["flat"]
        rgba = np.reshape(decode_rle(region["value"]["rle"]), (*SIZE, 4))
        assert (rgba[..., 3] == 255).all()


def test_labels_that_a_project_lacks_are_left_out(
    client: httpx.Client, busy_worker: FakeWorker, image_id: str
) -> None:
    other = CONFIG.replace("flat", "road")
    [prediction] = predict(client, image_id, config=other).json()["results"]
    assert prediction["result"] == []


def test_a_project_that_asks_for_confidence_gets_scores(
    client: httpx.Client, busy_worker: FakeWorker, image_id: str
) -> None:
    asking = CONFIG.replace("<BrushLabels ", '<BrushLabels model_confidence="true" ')
    scored, failed = predict(client, image_id, "scenes/unknown", config=asking).json()["results"]
    assert scored["score"] == pytest.approx(CONFIDENCE, abs=1 / 510)
    [plain] = predict(client, image_id).json()["results"]
    assert "score" not in failed | plain


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://elsewhere.example.com/v1/images/scenes/000001",
        "file:///etc/passwd",
        "/data/upload/1/street.jpg",
        "s3://bucket/street.jpg",
        "data:image/png;base64,%%%",
        "data:image/png;base64,\u00e9",
        "data:image/png,plain",
        "http://[",
        "../secrets",
        "",
    ],
)
def test_nothing_is_fetched(client: httpx.Client, url: str) -> None:
    answer = predict(client, url)
    assert (answer.status_code, answer.json()["type"][:18]) == (422, "urn:roadmask:error")


def test_a_task_that_is_wrong_or_fails_has_no_prediction_and_its_neighbours_have(
    client: httpx.Client, busy_worker: FakeWorker, image_id: str
) -> None:
    first, unknown, last = predict(client, image_id, "scenes/unknown", image_id).json()["results"]
    assert (list(unknown), "scenes/unknown" in unknown["error"]) == (["error"], True)
    assert first["result"][0]["value"] == last["result"][0]["value"]


@contextmanager
def predicting(
    settings: Settings, *images: str
) -> Iterator[tuple[str, Callable[[], list[dict[str, Any]]]]]:
    """The job of a prediction that has begun, and a call that waits for the results."""
    url = f"{settings.public_url}/label-studio/predict"
    body = {"tasks": [{"data": {"street": image}} for image in images], "label_config": CONFIG}
    auth = ("label-studio", KEY)
    with httpx.stream("POST", url, json=body, auth=auth, timeout=PATIENCE_S) as answer:
        headers = {"X-API-Key": KEY}
        [job] = httpx.get(f"{settings.public_url}/v1/jobs", headers=headers).json()["jobs"]
        yield job["id"], lambda: json.loads(answer.read())["results"]


def test_a_mask_that_is_lost_fails_its_task_alone(
    worker: FakeWorker, image_id: str, settings: Settings, store: LocalStore
) -> None:
    with predicting(settings, image_id, image_id) as (job_id, results):
        worker.succeed(job_id, 0)
        [mask] = store.keys("masks/")
        store.delete(mask)
        worker.finish(job_id)
        lost, whole = results()
    assert list(lost) == ["error"]
    assert whole["result"][0]["value"]["brushlabels"] == ["flat"]


def test_a_job_that_is_gone_fails_each_task(
    client: httpx.Client,
    image_id: str,
    settings: Settings,
    redis: Redis,
    store: LocalStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(label_studio, "KEEP_ALIVE_S", 0.2)
    with predicting(settings, image_id, image_id) as (job_id, results):
        for key in [key for key in store.keys("jobs/") if job_id in key]:
            store.delete(key)
        redis.delete(*redis.keys(f"*{job_id}*"))
        assert [list(task) for task in results()] == [["error"], ["error"]]


def test_a_long_job_does_not_run_into_a_timeout(
    client: httpx.Client,
    worker: FakeWorker,
    image_id: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(label_studio, "KEEP_ALIVE_S", 0.2)
    url = f"{settings.public_url}/label-studio/predict"
    body = {"tasks": [{"data": {"street": image_id}}], "label_config": CONFIG}
    auth = ("label-studio", KEY)
    came: list[bytes] = []
    # The job ends after 15 blanks: without them this call would never end.
    with httpx.stream("POST", url, json=body, auth=auth, timeout=PATIENCE_S) as answer:
        for block in answer.iter_bytes():
            came.append(block)
            if len(came) == 15:
                headers = {"X-API-Key": KEY}
                [job] = httpx.get(f"{settings.public_url}/v1/jobs", headers=headers).json()["jobs"]
                finishing = Thread(target=worker.finish, args=(job["id"],))
                finishing.start()
    finishing.join()
    assert len(came) > 15
    assert httpx.Response(200, content=b"".join(came)).json()["results"][0]["result"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("<View><Image name='photo' value='$street'/></View>", "BrushLabels"),
        ("<View>", "no XML"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><View>&b;</View>", "document type"),
        ("<?a <!--?><!DOCTYPE a [<!ENTITY b 'c'>]><View>&b;<!-- --></View>", "document type"),
    ],
)
def test_a_setup_that_cannot_hold_masks_is_told(
    client: httpx.Client, config: str, words: str
) -> None:
    answer = predict(client, "scenes/000001", config=config)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_the_key_is_asked_for(empty_api: ApiServer) -> None:
    for auth in (None, ("label-studio", "wrong")):
        answer = httpx.post(f"{empty_api.url}/label-studio/predict", json={"tasks": []}, auth=auth)
        assert answer.status_code == 401
