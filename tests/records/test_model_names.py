"""Which version a new job gets that names a model, in whatever way."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from roadmask.errors import ModelNotFound
from storage.artifacts import Artifacts, Version
from storage.in_service import InService
from storage.local_store import LocalStore
from storage.model_names import ModelNames
from storage.roll import Roll
from tests.artifacts import write_artifact

BROUGHT = "shipped@1"


@pytest.fixture
def artifacts(store: LocalStore) -> Artifacts:
    return Artifacts(store)


@pytest.fixture
def in_service(redis: Redis, store: LocalStore) -> InService:
    return InService(redis, store)


@pytest.fixture
def names(artifacts: Artifacts, in_service: InService, redis: Redis) -> ModelNames:
    return ModelNames(artifacts, in_service, Roll(redis))


@pytest.fixture
def published(artifacts: Artifacts, tmp_path: Path) -> Version:
    version = write_artifact(tmp_path / "tiny")
    artifacts.push(tmp_path / "tiny", version)
    return version


def worker(redis: Redis, own: str = BROUGHT, name: str = "w") -> None:
    Roll(redis).tell(name, {"own_model": own, "models": [own, BROUGHT], "model": own})


def test_default_is_what_was_promoted_whatever_workers_serve_so_far(
    names: ModelNames, in_service: InService, published: Version, redis: Redis
) -> None:
    worker(redis)
    in_service.promote(str(published))
    assert names.pin("default") == names.in_service() == str(published)
    in_service.rollback()
    assert names.pin("default") == "default"
    assert names.in_service() == BROUGHT


def test_before_any_promotion_default_is_what_all_workers_have_if_the_store_has_it(
    names: ModelNames, published: Version, redis: Redis
) -> None:
    assert (names.pin("default"), names.in_service()) == ("default", None)
    worker(redis, own=str(published))
    assert names.pin("default") == names.in_service() == str(published)
    worker(redis, name="other")
    assert (names.pin("default"), names.in_service()) == ("default", None)


def test_a_name_is_the_version_in_service_or_else_the_newest(
    names: ModelNames, artifacts: Artifacts, in_service: InService, tmp_path: Path
) -> None:
    old = write_artifact(tmp_path / "old", content=b"old")
    new = write_artifact(tmp_path / "new", content=b"new")
    for folder, version in (("old", old), ("new", new)):
        artifacts.push(tmp_path / folder, version)
    assert names.pin("tiny") == str(new)
    in_service.promote(str(old))
    assert names.pin("tiny") == names.pin(old.version) == str(old)
    assert names.pin(new.version) == names.pin(str(new)) == str(new)


def test_what_only_workers_have_is_left_to_them(
    names: ModelNames, published: Version, redis: Redis
) -> None:
    worker(redis)
    for name in ("shipped", "1", BROUGHT):
        assert names.pin(name) == name
        assert names.version(name) == Version("shipped", "1")
    assert names.version("default") == Version("shipped", "1")


def test_an_unknown_name_is_refused_once_somebody_can_tell(
    names: ModelNames, published: Version, redis: Redis
) -> None:
    assert names.pin("nowhere") == "nowhere"
    assert names.version("nowhere") is None
    worker(redis)
    for unknown in ("nowhere", "tiny@1", "shipped@2"):
        with pytest.raises(ModelNotFound, match=rf"default, shipped@1, {published}"):
            names.pin(unknown)


@pytest.mark.parametrize("name", ["", ".", "../models", "/srv/models/a", "a/b", "a@b@c", "a b"])
def test_what_can_be_no_name_is_refused_at_once(names: ModelNames, name: str) -> None:
    with pytest.raises(ModelNotFound, match="is not the name of a model"):
        names.pin(name)
