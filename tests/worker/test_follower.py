"""A worker follows what is promoted, and keeps what it has when the new model is no good."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from redis import Redis

from roadmask.errors import ModelFailed
from storage.in_service import InService
from storage.local_store import LocalStore
from tests.worker.brightness import Brightness, TinyArtifact, find
from worker.follower import Follower
from worker.models import Models, full_name

OWN = full_name(TinyArtifact())


@dataclass
class Loading:
    """Loads models, and notes which; those of the name `broken` do not load."""

    loaded: list[str] = field(default_factory=list)

    def load(self, artifact: TinyArtifact) -> Brightness:
        self.loaded.append(artifact.name)
        if artifact.name.startswith("broken"):
            raise OSError("model.keras is cut off")
        return Brightness()


@pytest.fixture
def in_service(redis: Redis, store: LocalStore) -> InService:
    return InService(redis, store)


@pytest.fixture
def loading() -> Loading:
    return Loading()


@pytest.fixture
def models(loading: Loading) -> Models:
    return Models("default", find, loading.load)


@pytest.fixture
def follower(in_service: InService, models: Models) -> Follower:
    return Follower(in_service, models)


def test_what_is_promoted_and_rolled_back_is_followed(
    follower: Follower, in_service: InService, models: Models, loading: Loading
) -> None:
    follower.begin()
    assert full_name(models.in_service) == OWN
    in_service.promote("a")
    follower.look()
    assert models.artifact("default").name == "a"
    # Jobs that were accepted before keep the model they were accepted with.
    assert full_name(models.artifact(OWN)) == OWN
    in_service.rollback()
    follower.look()
    assert full_name(models.artifact("default")) == OWN
    assert loading.loaded == ["brightness", "a"]


def test_a_version_is_loaded_before_it_is_in_service(
    follower: Follower, in_service: InService, models: Models, loading: Loading
) -> None:
    follower.begin()
    wish = in_service.prepare("a")
    follower.look()
    assert (follower.ready, full_name(models.in_service)) == (wish, OWN)
    assert models.loaded == ["a@1", OWN]
    in_service.promote("a")
    follower.look()
    assert models.in_service.name == "a"
    assert loading.loaded == ["brightness", "a"]


def test_a_model_that_does_not_load_never_takes_the_place_of_one_that_does(
    follower: Follower, in_service: InService, models: Models, loading: Loading
) -> None:
    follower.begin()
    wish = in_service.prepare("broken")
    with pytest.raises(OSError, match="cut off"):
        follower.look()
    assert (follower.ready, follower.refused) == (None, [wish])
    in_service.promote("broken")
    with pytest.raises(OSError, match="cut off"):
        follower.look()
    for _ in range(3):
        with pytest.raises(ModelFailed, match="a moment ago"):
            follower.look()
    assert full_name(models.artifact("default")) == OWN
    assert loading.loaded.count("broken") == 2
    wish = in_service.prepare("sound")
    with pytest.raises(ModelFailed, match="a moment ago"):
        follower.look()
    assert follower.ready == wish
    in_service.promote("sound")
    follower.look()
    assert models.in_service.name == "sound"


def test_a_worker_begins_with_what_is_in_service_or_with_its_own_when_that_is_broken(
    follower: Follower, in_service: InService, models: Models, loading: Loading
) -> None:
    in_service.promote("a")
    follower.begin()
    assert (models.in_service.name, loading.loaded) == ("a", ["a"])
    in_service.promote("broken")
    late = Models("default", find, loading.load)
    Follower(in_service, late).begin()
    assert full_name(late.in_service) == OWN
