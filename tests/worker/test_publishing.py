"""`roadmask models`: what it says and does, and that a worker's word counts before a promotion."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest
from click.testing import CliRunner
from redis import Redis

from ml.artifact import find_artifact
from roadmask.errors import Conflict, ModelFailed, ModelNotFound, RoadmaskError, Unavailable
from roadmask.settings import Settings
from storage.in_service import InService
from storage.local_store import LocalStore
from storage.roll import Roll
from tests.waiting import wait_until
from worker.publishing import models
from worker.shelf import version_of

MINI, LITE = (str(version_of(find_artifact(name))) for name in ("unet_mini", "lite_unet"))

Run = Callable[..., str]


@pytest.fixture
def run(settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command on this test's store and Redis: what it prints, or the error it ends with."""
    monkeypatch.setenv("ROADMASK_REDIS_URL", settings.redis_url)
    monkeypatch.setenv("ROADMASK_DATA_DIR", str(settings.data_dir))

    def run_command(*arguments: str) -> str:
        done = CliRunner().invoke(models, arguments)
        if isinstance(done.exception, RoadmaskError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return run_command


@pytest.fixture
def in_service(redis: Redis, store: LocalStore) -> InService:
    return InService(redis, store)


def test_a_model_is_published_promoted_listed_and_rolled_back(run: Run) -> None:
    assert "is published" in run("push", "unet_mini")
    assert "was published before" in run("push", MINI)
    run("push", "lite_unet")
    assert f"{MINI} is in service. Before it was what each worker" in run("promote", "unet_mini")
    assert f"{LITE} is in service. Before it was {MINI}" in run("promote", LITE)
    assert "in service already" in run("promote", "lite_unet")
    shown = run("list")
    measured = find_artifact("lite_unet").card.metrics[0]
    figure = f"{measured.scores.mean_iou:.3f}"
    for word in (*MINI.split("@"), *LITE.split("@"), "in service", figure, measured.dataset):
        assert word in shown
    told = json.loads(run("list", "--json"))
    assert told["in_service"] == LITE
    assert [model["in_service"] for model in told["models"]] == [True, False]
    assert [turn["model"] for turn in told["history"]] == [LITE, MINI]
    assert f"{MINI} is in service again" in run("rollback")
    assert "what each worker was started with is in service again" in run("rollback")
    with pytest.raises(Conflict, match="nothing to go back to"):
        run("rollback")


def test_what_is_not_published_is_not_promoted(run: Run) -> None:
    with pytest.raises(ModelNotFound, match="models push"):
        run("promote", "unet_mini")
    with pytest.raises(ModelNotFound, match="choose from default"):
        run("push", "nowhere")


def test_a_promotion_waits_until_every_worker_has_loaded_it(
    run: Run, redis: Redis, in_service: InService
) -> None:
    run("push", "unet_mini")
    Roll(redis).tell("quick", {})
    Roll(redis).tell("slow", {})
    promotion = threading.Thread(target=run, args=("promote", "unet_mini"))
    promotion.start()
    wait_until(lambda: in_service.coming() is not None)
    wish = in_service.coming()
    Roll(redis).tell("quick", {"ready": wish})
    promotion.join(1)
    assert in_service.last().model is None
    Roll(redis).tell("slow", {"ready": wish})
    promotion.join(10)
    assert in_service.last().model == MINI
    assert in_service.coming() is None


def test_a_worker_that_cannot_load_it_stops_the_promotion(
    run: Run, redis: Redis, in_service: InService
) -> None:
    run("push", "unet_mini")
    Roll(redis).tell("w", {})
    with pytest.raises(Unavailable, match="w has not loaded"):
        run("promote", "unet_mini", "--wait", "0.1")
    refused: list[Exception] = []

    def promote() -> None:
        try:
            run("promote", "unet_mini")
        except ModelFailed as error:
            refused.append(error)

    old = in_service.coming()
    promotion = threading.Thread(target=promote)
    promotion.start()
    wait_until(lambda: in_service.coming() != old)
    Roll(redis).tell("w", {"refused": [in_service.coming()]})
    promotion.join(10)
    assert "Nothing was changed" in str(refused[0])
    assert in_service.last().model is None
    assert f"{MINI} is in service" in run("promote", "unet_mini", "--wait", "0")
