"""Which version a new job gets that resolver a model, in whatever way."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from roadmask.errors import InvalidRequest, ModelNotFound
from roadmask.schemas.model_version import ModelVersion
from storage.models.deployments import Deployments
from storage.models.registry import ModelRegistry
from storage.models.resolver import ModelResolver
from storage.objects.local import LocalStore
from storage.workers import WorkerRegistry
from tests.harness.storage.artifact_folders import write_artifact

BROUGHT = "shipped@1"


@pytest.fixture
def registry(store: LocalStore) -> ModelRegistry:
    return ModelRegistry(store)


@pytest.fixture
def deployments(redis: Redis, store: LocalStore) -> Deployments:
    return Deployments(redis, store)


@pytest.fixture
def resolver(registry: ModelRegistry, deployments: Deployments, redis: Redis) -> ModelResolver:
    return ModelResolver(registry, deployments, WorkerRegistry(redis))


@pytest.fixture
def published(registry: ModelRegistry, tmp_path: Path) -> ModelVersion:
    version = write_artifact(tmp_path / "tiny")
    registry.push(tmp_path / "tiny", version)
    return version


def worker(redis: Redis, own: str = BROUGHT, name: str = "w") -> None:
    have: dict[str, dict[str, object]] = {"standard": {}, "fast": {}}
    qualities = dict.fromkeys((own, BROUGHT), have)
    WorkerRegistry(redis).heartbeat(
        name,
        {"own_model": own, "models": [own, BROUGHT], "model": own, "qualities": qualities},
    )


def test_default_is_what_was_promoted_whatever_workers_serve_so_far(
    resolver: ModelResolver, deployments: Deployments, published: ModelVersion, redis: Redis
) -> None:
    worker(redis)
    deployments.promote(str(published))
    assert resolver.resolve("default") == resolver.default_model() == str(published)
    deployments.rollback()
    assert resolver.resolve("default") == "default"
    assert resolver.default_model() == BROUGHT


def test_before_any_promotion_default_is_what_all_workers_have_if_the_store_has_it(
    resolver: ModelResolver, published: ModelVersion, redis: Redis
) -> None:
    assert (resolver.resolve("default"), resolver.default_model()) == ("default", None)
    worker(redis, own=str(published))
    assert resolver.resolve("default") == resolver.default_model() == str(published)
    worker(redis, name="other")
    assert (resolver.resolve("default"), resolver.default_model()) == ("default", None)


def test_a_name_is_the_version_in_service_or_else_the_newest(
    resolver: ModelResolver, registry: ModelRegistry, deployments: Deployments, tmp_path: Path
) -> None:
    old = write_artifact(tmp_path / "old", content=b"old")
    new = write_artifact(tmp_path / "new", content=b"new")
    for folder, version in (("old", old), ("new", new)):
        registry.push(tmp_path / folder, version)
    assert resolver.resolve("tiny") == str(new)
    deployments.promote(str(old))
    assert resolver.resolve("tiny") == resolver.resolve(old.version) == str(old)
    assert resolver.resolve(new.version) == resolver.resolve(str(new)) == str(new)


def test_what_only_workers_have_is_left_to_them(
    resolver: ModelResolver, published: ModelVersion, redis: Redis
) -> None:
    worker(redis)
    for name in ("shipped", "1", BROUGHT):
        assert resolver.resolve(name) == name
        assert resolver.find_version(name) == ModelVersion("shipped", "1")
    assert resolver.find_version("default") == ModelVersion("shipped", "1")


def test_an_unknown_name_is_refused_once_somebody_can_tell(
    resolver: ModelResolver, published: ModelVersion, redis: Redis
) -> None:
    assert resolver.resolve("nowhere") == "nowhere"
    assert resolver.find_version("nowhere") is None
    worker(redis)
    for unknown in ("nowhere", "tiny@1", "shipped@2"):
        with pytest.raises(ModelNotFound, match=rf"default, shipped@1, {published}"):
            resolver.resolve(unknown)


@pytest.mark.parametrize("name", ["", ".", "../models", "/srv/models/a", "a/b", "a@b@c", "a b"])
def test_what_can_be_no_name_is_refused_at_once(resolver: ModelResolver, name: str) -> None:
    with pytest.raises(ModelNotFound, match="is not the name of a model"):
        resolver.resolve(name)


def test_a_quality_that_a_model_lacks_is_refused_with_those_that_it_has(
    resolver: ModelResolver, registry: ModelRegistry, redis: Redis, tmp_path: Path
) -> None:
    best = {"input_size": {"budget": 2048}, "scales": [1, 1.25], "mirror": True}
    version = write_artifact(tmp_path / "tiny", fit={"budget": 1024}, qualities={"best": best})
    registry.push(tmp_path / "tiny", version)
    worker(redis)
    resolver.check_quality(str(version), "best")
    resolver.check_quality(BROUGHT, "fast")
    with pytest.raises(InvalidRequest, match=f"{version} has no quality 'fast'.*standard, best"):
        resolver.check_quality(str(version), "fast")
    with pytest.raises(InvalidRequest, match=f"{BROUGHT} has no quality 'best'.*fast, standard"):
        resolver.check_quality("default", "best")


def test_a_worker_that_knows_no_quality_is_named_before_it_ignores_one(
    resolver: ModelResolver, redis: Redis
) -> None:
    WorkerRegistry(redis).heartbeat("old", {"own_model": BROUGHT, "models": [BROUGHT]})
    resolver.check_quality(BROUGHT, "standard")
    with pytest.raises(InvalidRequest, match="The worker old is of an earlier version"):
        resolver.check_quality(BROUGHT, "best")


def test_what_nobody_knows_yet_is_left_to_the_worker(resolver: ModelResolver) -> None:
    resolver.check_quality("default", "best")


def test_a_quality_of_a_later_worker_hides_no_other(resolver: ModelResolver, redis: Redis) -> None:
    qualities = {BROUGHT: {"standard": {"new": 1}, "ultra": {}}}
    facts = {"own_model": BROUGHT, "models": [BROUGHT], "qualities": qualities}
    WorkerRegistry(redis).heartbeat("later", facts)
    assert list(resolver.qualities(ModelVersion("shipped", "1"))) == ["standard"]
