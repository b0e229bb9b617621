"""A worker switches to a promoted model, unless that model does not load."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from redis import Redis

from roadmask.errors import ModelFailed
from storage.models.deployments import PRELOAD, Deployments
from storage.objects.local import LocalStore
from tests.harness.worker.tiny_model import Brightness, TinyArtifact, models_loaded_by
from worker.models.loaded import LoadedModels
from worker.models.rollout import ModelRollout

OWN = str(TinyArtifact().model_version)


@dataclass
class LoadRecorder:
    """Records which models it loads; the model `broken` does not load."""

    loaded: list[str] = field(default_factory=list)

    def load(self, artifact: TinyArtifact) -> Brightness:
        self.loaded.append(artifact.name)
        if artifact.name.startswith("broken"):
            raise OSError("model.keras is cut off")
        return Brightness()


@pytest.fixture
def deployments(redis: Redis, store: LocalStore) -> Deployments:
    return Deployments(redis, store)


@pytest.fixture
def loading() -> LoadRecorder:
    return LoadRecorder()


@pytest.fixture
def models(loading: LoadRecorder) -> LoadedModels:
    return models_loaded_by(loading.load)


@pytest.fixture
def rollout(deployments: Deployments, models: LoadedModels) -> ModelRollout:
    return ModelRollout(deployments, models)


def test_a_worker_follows_promotions_and_rollbacks(
    rollout: ModelRollout, deployments: Deployments, models: LoadedModels, loading: LoadRecorder
) -> None:
    rollout.load_initial()
    assert str(models.in_service.model_version) == OWN
    deployments.promote("a")
    rollout.poll()
    assert models.find("default").model_version.name == "a"
    # Jobs that were accepted before keep the model they were accepted with.
    assert str(models.find(OWN).model_version) == OWN
    deployments.rollback()
    rollout.poll()
    assert str(models.find("default").model_version) == OWN
    assert loading.loaded == ["brightness", "a"]


def test_a_version_is_loaded_before_it_is_in_service(
    rollout: ModelRollout, deployments: Deployments, models: LoadedModels, loading: LoadRecorder
) -> None:
    rollout.load_initial()
    request = deployments.request_preload("a")
    rollout.poll()
    assert (rollout.ready, str(models.in_service.model_version)) == (request, OWN)
    assert models.loaded == ["a@1", OWN]
    deployments.promote("a")
    rollout.poll()
    assert models.in_service.model_version.name == "a"
    assert loading.loaded == ["brightness", "a"]


def test_a_model_that_does_not_load_never_replaces_one_that_does(
    rollout: ModelRollout, deployments: Deployments, models: LoadedModels, loading: LoadRecorder
) -> None:
    rollout.load_initial()
    request = deployments.request_preload("broken")
    with pytest.raises(OSError, match="cut off"):
        rollout.poll()
    assert (rollout.ready, rollout.refused) == (None, [request])
    deployments.promote("broken")
    with pytest.raises(OSError, match="cut off"):
        rollout.poll()
    for _ in range(3):
        with pytest.raises(ModelFailed, match="tried again"):
            rollout.poll()
    assert str(models.find("default").model_version) == OWN
    assert loading.loaded.count("broken") == 2
    request = deployments.request_preload("sound")
    with pytest.raises(ModelFailed, match="tried again"):
        rollout.poll()
    assert rollout.ready == request
    deployments.promote("sound")
    rollout.poll()
    assert models.in_service.model_version.name == "sound"


def test_a_worker_starts_with_the_promoted_model_or_its_own_if_that_does_not_load(
    rollout: ModelRollout, deployments: Deployments, models: LoadedModels, loading: LoadRecorder
) -> None:
    deployments.promote("a")
    rollout.load_initial()
    assert (models.in_service.model_version.name, loading.loaded) == ("a", ["a"])
    deployments.promote("broken")
    late = models_loaded_by(loading.load)
    ModelRollout(deployments, late).load_initial()
    assert str(late.in_service.model_version) == OWN


@pytest.mark.parametrize("request_", [b"", b" \n"])
def test_a_blank_request_in_redis_is_none(
    rollout: ModelRollout, deployments: Deployments, redis: Redis, request_: bytes
) -> None:
    rollout.load_initial()
    redis.set(PRELOAD, request_, ex=60)
    rollout.poll()
    assert deployments.preload_request() is None
    assert rollout.refused == []
