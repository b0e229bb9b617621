"""Models on the wire: what there is, what is in service, and what a job that names one gets."""

from __future__ import annotations

import io
import json
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import httpx
import pytest
from click.testing import CliRunner, Result
from redis import Redis

from ml.registry.artifact import find_artifact
from roadmask import Client
from roadmask.errors import ModelNotFound
from roadmask.schemas.model_version import ModelVersion
from roadmask.schemas.pixels import Pixels
from storage.models.deployments import Deployments
from storage.models.registry import ModelRegistry
from storage.objects.local import LocalStore
from storage.workers import WorkerRegistry
from tests.harness.api.server import ApiServer
from tests.harness.images.api_images import digest, put_many
from tests.harness.storage.artifact_folders import write_artifact
from tests.harness.worker.fake_worker import FakeWorker
from worker.models.cli import models

OCTETS = "application/octet-stream"


@pytest.fixture
def published(store: LocalStore, tmp_path: Path) -> list[ModelVersion]:
    """Two models in the store."""
    versions = []
    for name in ("first", "second"):
        versions.append(write_artifact(tmp_path / name, name, name.encode()))
        ModelRegistry(store).push(tmp_path / name, versions[-1])
    return versions


@pytest.fixture
def in_service(redis: Redis, store: LocalStore) -> Deployments:
    return Deployments(redis, store)


def model_of(client: httpx.Client, **request: object) -> str:
    images = [{"id": image_id} for image_id in put_many(client, 1)]
    answer = client.post("/v1/jobs", json={"images": images, **request})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["model"])


def test_models_are_listed_with_their_cards_and_the_history(
    client: httpx.Client, published: list[ModelVersion], in_service: Deployments, redis: Redis
) -> None:
    first, second = published
    WorkerRegistry(redis).heartbeat("w", {"own_model": "own@1", "models": ["own@1", str(first)]})
    assert client.get("/v1/models").json()["in_service"] == "own@1"
    in_service.promote(str(first))
    in_service.promote(str(second))
    told = client.get("/v1/models").json()
    assert told["in_service"] == str(second)
    assert [(m["name"], m["in_service"], m["published"]) for m in told["models"]] == [
        ("first", False, True),
        ("second", True, True),
        ("own", False, False),
    ]
    assert told["models"][0]["size"] == len(b"first")
    assert told["models"][0]["mean_iou"] == 0.5
    assert told["models"][0]["card"]["version"] == first.version
    assert told["models"][2]["card"] is None
    assert [turn["model"] for turn in told["history"]] == [str(second), str(first)]


def test_a_job_keeps_the_version_that_was_in_service_when_it_was_accepted(
    client: httpx.Client,
    published: list[ModelVersion],
    in_service: Deployments,
    worker: FakeWorker,
) -> None:
    first, second = published
    in_service.promote(str(first))
    images = [{"id": image_id} for image_id in put_many(client, 2)]
    request = {"images": images, "model": "default"}
    key = {"Idempotency-Key": "once"}
    job = client.post("/v1/jobs", json=request, headers=key).json()
    assert job["model"] == str(first)
    assert worker.begin(job["id"], 0).model == str(first)

    in_service.promote(str(second))
    assert model_of(client) == str(second)
    assert worker.begin(job["id"], 1).model == str(first)
    replayed = client.post("/v1/jobs", json=request, headers=key)
    assert replayed.status_code == 200
    assert (replayed.json()["id"], replayed.json()["model"]) == (job["id"], str(first))

    in_service.rollback()
    assert model_of(client) == str(first)
    assert model_of(client, model="second") == str(second)


def test_an_unknown_model_is_refused_when_the_job_is_sent(
    client: httpx.Client, published: list[ModelVersion], redis: Redis
) -> None:
    assert model_of(client, model="nowhere") == "nowhere"
    WorkerRegistry(redis).heartbeat("w", {"own_model": "own@1", "models": ["own@1"]})
    assert model_of(client, model="own") == "own"
    for name in ("nowhere", "first@1", "../first"):
        images = [{"id": image_id} for image_id in put_many(client, 1)]
        refused = client.post("/v1/jobs", json={"images": images, "model": name})
        assert (refused.status_code, refused.json()["code"]) == (404, "model_not_found")
    form = {"files": ("a.jpg", b"bytes")}
    refused = client.post("/v1/jobs", files=form, data={"job": '{"model": "nowhere"}'})
    assert (refused.status_code, refused.json()["code"]) == (404, "model_not_found")


def test_one_model_is_shown_by_whatever_a_job_may_call_it(
    client: httpx.Client,
    published: list[ModelVersion],
    in_service: Deployments,
    empty_api: ApiServer,
) -> None:
    first, _ = published
    with Client(empty_api.url) as own:
        assert own.artifact() is None
        in_service.promote(str(first))
        assert own.artifact() == own.artifact("first") == own.artifact(str(first)) == str(first)
    for name in ("default", "first", first.version, str(first)):
        shown = client.get(f"/v1/models/{name}").json()
        assert (shown["version"], shown["in_service"]) == (first.version, True)
    assert client.get("/v1/models/nowhere").status_code == 404


def test_what_samples_mean_is_taken_by_the_job_in_json_and_forms(
    client: httpx.Client, worker: FakeWorker
) -> None:
    said = {"bits": 12, "cfa": "RGGB", "curve": "linear", "range": [64.0, 4095.0]}
    [image_id] = put_many(client, 1)
    request = {"images": [{"id": image_id}], "pixels": said}
    form = {"job": json.dumps({"pixels": said})}
    in_form = client.post("/v1/jobs", data=form, files={"files": ("a.jpg", b"bytes")})
    for answer in (client.post("/v1/jobs", json=request), in_form):
        job = answer.json()
        assert job["pixels"] == said
        assert worker.begin(job["id"], 0).parameters.pixels == Pixels.model_validate(said)
        assert client.get(f"/v1/jobs/{job['id']}").json()["pixels"] == said
    for wrong in ({"bits": 7}, {"bit": 12}, {"range": [2, 1]}, "twelve"):
        refused = client.post("/v1/jobs", json={**request, "pixels": wrong})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


def test_qualities_are_told_by_the_model_and_taken_by_the_job(
    client: httpx.Client, store: LocalStore, worker: FakeWorker, tmp_path: Path
) -> None:
    fast = {"input_size": {"budget": 1024}}
    version = write_artifact(tmp_path / "tiny", fit={"budget": 4096}, qualities={"fast": fast})
    ModelRegistry(store).push(tmp_path / "tiny", version)
    [shown] = client.get("/v1/models").json()["models"]
    view = {"scales": [1.0], "mirror": False}
    assert shown["qualities"] == {
        "fast": {"input_pixels": 1024, **view},
        "standard": {"input_pixels": 4096, **view},
    }
    images = [{"id": image_id} for image_id in put_many(client, 1)]
    request = {"images": images, "model": "tiny", "quality": "fast"}
    job = client.post("/v1/jobs", json=request).json()
    assert (job["quality"], worker.begin(job["id"], 0).parameters.quality) == ("fast", "fast")
    refused = client.post("/v1/jobs", json=request | {"quality": "best"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert "Choose from fast, standard" in refused.json()["detail"]
    form = {"files": ("a.jpg", b"bytes")}
    refused = client.post(
        "/v1/jobs", files=form, data={"job": '{"model": "tiny", "quality": "best"}'}
    )
    assert refused.status_code == 422


def test_a_model_of_a_worker_is_described_by_its_card(
    client: httpx.Client, store: LocalStore, redis: Redis
) -> None:
    card = b'{"metrics": [{"scores": {"mean_iou": 0.75}}]}'
    ModelRegistry(store).introduce(ModelVersion("own", "1"), card, 7)
    WorkerRegistry(redis).heartbeat("w", {"own_model": "own@1", "models": ["own@1"]})
    told = client.get("/v1/models/own@1").json()
    assert (told["published"], told["size"], told["mean_iou"]) == (False, 7, 0.75)
    assert told["card"]["metrics"]


def archive(**files: bytes | str) -> bytes:
    """A ZIP archive; `model__keras` is the file `model.keras`."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as packed:
        for name, content in files.items():
            packed.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


def damaged() -> bytes:
    """An archive whose compressed data make no sense."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as packed:
        packed.writestr("model.keras", bytes(range(256)) * 40)
        packed.writestr("card.json", card_of(b"m"))
    data = buffer.getvalue()
    start = data.index(b"model.keras") + len("model.keras")
    return data[:start] + b"\xff" * 40 + data[start + 40 :]


def card_of(model: bytes, **more: object) -> str:
    return json.dumps({"name": "sent", "sha256": digest(model), "metrics": [], **more})


def test_a_model_is_published_promoted_and_rolled_back(
    client: httpx.Client, in_service: Deployments, store: LocalStore
) -> None:
    body = archive(model__keras=b"network", card__json=card_of(b"network"))
    headers = {"Content-Type": OCTETS}
    answers = [client.post("/v1/models", content=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    version = ModelVersion("sent", digest(b"network")[:12])
    assert ModelRegistry(store).versions() == [version]
    told = client.post(f"/v1/models/{version}/promote", params={"wait": 0}).json()
    assert (told["action"], told["model"]) == ("promote", str(version))
    assert in_service.latest().model == str(version)
    assert client.post("/v1/models/rollback").json()["model"] is None
    assert client.post("/v1/models/rollback").status_code == 409
    assert client.post("/v1/models/none/promote").status_code == 404


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"no archive", "no ZIP archive"),
        (archive(model__keras=b"m"), "The archive has model.keras"),
        (archive(model__keras=b"m", card__json="{}", evil=b""), "evil"),
        (archive(model__keras=b"m", card__json="[]"), "no card"),
        (archive(model__keras=b"m", card__json=card_of(b"m", name="../a")), "no card"),
        (archive(model__keras=b"m", card__json=card_of(b"m", metrics=[1])), "no card"),
        (archive(model__keras=b"m", card__json=card_of(b"m", metrics=[{"scores": 1}])), "no card"),
        (archive(model__keras=b"other", card__json=card_of(b"m")), "has the sha256"),
        (damaged(), "no ZIP archive"),
    ],
)
def test_what_is_no_artifact_is_refused(
    client: httpx.Client, store: LocalStore, body: bytes, cause: str
) -> None:
    answer = client.post("/v1/models", content=body, headers={"Content-Type": OCTETS})
    assert answer.status_code in (409, 422)
    assert cause in answer.json()["detail"]
    assert ModelRegistry(store).versions() == []


def test_the_client_publishes_and_promotes(
    empty_api: ApiServer, in_service: Deployments, tmp_path: Path
) -> None:
    version = write_artifact(tmp_path / "a", "mine", b"network")
    with Client(empty_api.url) as roadmask:
        assert roadmask.push_model(tmp_path / "a").version == version.version
        assert roadmask.promote_model("mine").model == str(version)
        assert roadmask.models().in_service == str(version)
        assert roadmask.roll_back_model().action == "rollback"
        with pytest.raises(ModelNotFound, match=r"has no model\.keras"):
            roadmask.push_model(tmp_path)


def test_the_commands_act_on_a_service_by_its_url(
    empty_api: ApiServer, in_service: Deployments
) -> None:
    mini = str(find_artifact("unet_mini").model_version)

    def run_at(*arguments: str) -> Result:
        return CliRunner().invoke(models, [*arguments, "--url", empty_api.url])

    pushed = run_at("push", "unet_mini")
    assert f"Service: {empty_api.url}" in pushed.stderr
    assert f"{mini} is published." in pushed.stdout
    assert "was published before" in run_at("push", mini).stdout
    assert f"{mini} is in service." in run_at("promote", "unet_mini").stdout
    assert in_service.latest().model == mini
    assert json.loads(run_at("list", "--json").stdout)["in_service"] == mini
    assert "is in service again" in run_at("rollback").stdout
    both = run_at("list", "--data-dir", "folder")
    assert (both.exit_code, "not both" in both.stderr) == (2, True)
