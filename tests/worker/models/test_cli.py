"""`roadmask models`: its output, and promotions that wait for workers."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from redis import Redis

from ml.registry.artifact import find_artifact
from roadmask.errors import (
    Conflict,
    InvalidRequest,
    ModelFailed,
    ModelNotFound,
    RoadmaskError,
    SignatureInvalid,
    Unavailable,
)
from roadmask.local.redis import write_config
from roadmask.schemas.model_version import COMPILED_FILE
from roadmask.settings import Settings
from storage.access.audit_log import AuditLog
from storage.backends import StorageBackends
from storage.models.deployments import Deployments
from storage.objects.keys import model_key
from storage.objects.local import LocalStore
from storage.workers import WorkerRegistry
from tests.harness.ml.other_categories import with_other_categories
from tests.harness.waiting import wait_until
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer
from worker.models.cli import models

MINI, LITE = (str(find_artifact(name).model_version) for name in ("unet_mini", "lite_unet"))

Run = Callable[..., str]


@pytest.fixture
def run(settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on this test's store and Redis. Returns its output or raises its error."""
    monkeypatch.setenv("ROADMASK_REDIS_URL", settings.redis_url)
    monkeypatch.setenv("ROADMASK_DATA_DIR", str(settings.data_dir))
    settings.objects_dir.mkdir(parents=True, exist_ok=True)

    def run_command(*arguments: str) -> str:
        done = CliRunner().invoke(models, arguments)
        if isinstance(done.exception, RoadmaskError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return run_command


@pytest.fixture
def deployments(redis: Redis, store: LocalStore) -> Deployments:
    return Deployments(redis, store)


def test_a_model_is_published_promoted_listed_and_rolled_back(
    run: Run, redis: Redis, store: LocalStore
) -> None:
    assert "is published" in run("push", "unet_mini")
    assert "was published before" in run("push", MINI)
    run("push", "lite_unet")
    assert f"{MINI} is in service. Before: the model that each worker" in run(
        "promote", "unet_mini"
    )
    assert f"{LITE} is in service. Before: {MINI}" in run("promote", LITE)
    assert "in service already" in run("promote", "lite_unet")
    shown = run("list")
    measured = find_artifact("lite_unet").card.metrics[0]
    figure = f"{measured.scores.mean_iou:.3f}"
    for word in (*MINI.split("@"), *LITE.split("@"), "in service", figure, measured.dataset):
        assert word in shown
    report = json.loads(run("list", "--json"))
    assert report["in_service"] == LITE
    assert [model["in_service"] for model in report["models"]] == [True, False]
    assert all("standard" in model["qualities"] for model in report["models"])
    assert [turn["model"] for turn in report["history"]] == [LITE, MINI]
    assert f"{MINI} is in service again" in run("rollback")
    assert "the model that each worker was started with is in service again" in run("rollback")
    with pytest.raises(Conflict, match="nothing to go back to"):
        run("rollback")
    entries = [entry["action"] for entry in AuditLog(redis, store).list()]
    assert entries == [*["push_model"] * 3, *["promote_model"] * 3, *["roll_back_model"] * 2]


def test_an_unpublished_model_cannot_be_promoted(run: Run) -> None:
    with pytest.raises(ModelNotFound, match="models push"):
        run("promote", "unet_mini")
    with pytest.raises(ModelNotFound, match="choose from default"):
        run("push", "nowhere")


def test_a_promotion_waits_until_every_worker_has_loaded_it(
    run: Run, redis: Redis, deployments: Deployments
) -> None:
    run("push", "unet_mini")
    WorkerRegistry(redis).heartbeat("quick", {})
    WorkerRegistry(redis).heartbeat("slow", {})
    promotion = threading.Thread(target=run, args=("promote", "unet_mini"))
    promotion.start()
    wait_until(lambda: deployments.preload_request() is not None)
    request = deployments.preload_request()
    WorkerRegistry(redis).heartbeat("quick", {"ready": request})
    promotion.join(1)
    assert deployments.latest().model is None
    WorkerRegistry(redis).heartbeat("slow", {"ready": request})
    promotion.join(10)
    assert deployments.latest().model == MINI
    assert deployments.preload_request() is None


def test_a_worker_that_cannot_load_it_stops_the_promotion(
    run: Run, redis: Redis, deployments: Deployments
) -> None:
    run("push", "unet_mini")
    WorkerRegistry(redis).heartbeat("w", {})
    with pytest.raises(Unavailable, match="w has not loaded"):
        run("promote", "unet_mini", "--wait", "0.1")
    refused: list[Exception] = []

    def promote() -> None:
        try:
            run("promote", "unet_mini")
        except ModelFailed as error:
            refused.append(error)

    old = deployments.preload_request()
    promotion = threading.Thread(target=promote)
    promotion.start()
    wait_until(lambda: deployments.preload_request() != old)
    WorkerRegistry(redis).heartbeat("w", {"refused": [deployments.preload_request()]})
    promotion.join(10)
    assert "Nothing was changed" in str(refused[0])
    assert deployments.latest().model is None
    assert f"{MINI} is in service" in run("promote", "unet_mini", "--wait", "0")


def test_without_redis_nothing_is_promoted_unless_no_worker_is_to_be_asked(
    run: Run, deployments: Deployments, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("push", "unet_mini")
    monkeypatch.setenv("ROADMASK_REDIS_URL", f"redis://{HOST}:{free_port()}/0")
    with pytest.raises(Unavailable, match="Nothing was changed: Redis does not answer"):
        run("promote", "unet_mini")
    assert deployments.latest().model is None
    assert f"{MINI} is in service" in run("promote", "unet_mini", "--wait", "0")


def test_workers_of_a_named_data_folder_are_asked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "service"
    settings = Settings(data_dir=folder)
    settings.objects_dir.mkdir(parents=True)
    with RedisServer(tmp_path / "redis") as server, Redis.from_url(server.url) as redis:
        redis.config_set("requirepass", "0ff1ce")
        write_config(folder / "redis", server.port, "0ff1ce")
        monkeypatch.delenv("ROADMASK_REDIS_URL")
        monkeypatch.delenv("ROADMASK_DATA_DIR")
        WorkerRegistry(redis).heartbeat("w", {})
        where = ("--data-dir", str(folder))
        run("push", "unet_mini", *where)
        with pytest.raises(Unavailable, match="w has not loaded"):
            run("promote", "unet_mini", "--wait", "0.1", *where)


def test_a_store_that_no_service_uses_is_refused_and_none_is_made(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADMASK_DATA_DIR", str(tmp_path / "typo"))
    for command in (("push", "unet_mini"), ("promote", "unet_mini"), ("rollback",), ("list",)):
        with pytest.raises(InvalidRequest, match=r"No service uses .*typo: .*--data-dir"):
            run(*command)
    assert not (tmp_path / "typo").exists()


def test_the_store_is_named(settings: Settings, store: LocalStore) -> None:
    store.check()
    words = ["list", "--data-dir", str(settings.data_dir)]
    done = CliRunner().invoke(models, words)
    assert done.stderr == f"Store: folder {settings.objects_dir.resolve()}\n"


def test_a_model_with_other_categories_is_not_published(run: Run, tmp_path: Path) -> None:
    other = with_other_categories(tmp_path / "other")
    with pytest.raises(Conflict, match="Train the model on these categories"):
        run("push", str(other.path))
    assert other.card.name not in run("list")


def test_a_model_is_signed_published_and_promoted_with_its_signature(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: LocalStore
) -> None:
    key = tmp_path / "model-key.pem"
    command = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    folder = Path(shutil.copytree(find_artifact("unet_mini").path, tmp_path / "run"))
    printed = run("sign", str(folder), "--key", str(key))
    monkeypatch.setenv("ROADMASK_MODEL_PUBLIC_KEYS", json.dumps([printed.split()[-1]]))
    assert "is published, signed" in run("push", str(folder))
    name, version = MINI.split("@")
    compiled = model_key(name, version, COMPILED_FILE)
    assert not store.exists(compiled), "the signature does not name it"
    assert f"{MINI} is in service" in run("promote", MINI, "--wait", "0")
    assert "published before, signed" in run("push", str(folder), "--key", str(key))
    assert store.exists(compiled)
    run("push", "lite_unet")
    with pytest.raises(SignatureInvalid, match="has no signature"):
        run("promote", LITE, "--wait", "0")
    run("push", "lite_unet", "--key", str(key))
    assert f"{LITE} is in service" in run("promote", LITE, "--wait", "0")


def test_the_connections_of_a_command_are_closed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[StorageBackends] = []
    monkeypatch.setattr(StorageBackends, "close", lambda storage: closed.append(storage))
    run("list")
    assert len(closed) == 1
