"""Versions of models in every store: never changed, checked, found by their names."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from redis import Redis

from roadmask.errors import Conflict, HashMismatch, InvalidRequest, ModelNotFound
from roadmask.schemas.model_version import CARD_FILE, MODEL_FILE
from storage.models.deployments import Deployments
from storage.models.registry import ModelRegistry
from storage.objects.keys import DEPLOYMENTS, MODELS, model_key
from storage.objects.store import ObjectStore
from tests.harness.storage.artifact_folders import write_artifact

pytestmark = pytest.mark.timeout(900)  # the first test may have to build its server


@pytest.fixture(scope="module")
def store(every_store: ObjectStore) -> ObjectStore:
    """Each store in turn."""
    return every_store


@pytest.fixture
def registry(store: ObjectStore) -> ModelRegistry:
    """The store without any model."""
    for key in list(store.keys(MODELS)):
        store.delete(key)
    return ModelRegistry(store)


@pytest.fixture
def deployments(registry: ModelRegistry, store: ObjectStore, redis: Redis) -> Deployments:
    return Deployments(redis, store)


def test_a_version_is_pushed_once_and_comes_back_as_it_was(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 4096
    version = write_artifact(tmp_path / "tiny", content=content)
    assert registry.push(tmp_path / "tiny", version)
    assert not registry.push(tmp_path / "tiny", version)
    registry.check(version)
    registry.fetch(version, tmp_path / "copy")
    for name in (MODEL_FILE, CARD_FILE):
        assert (tmp_path / "copy" / name).read_bytes() == (tmp_path / "tiny" / name).read_bytes()
    stored = registry.read(version)
    assert (stored.size, stored.card["name"]) == (len(content), "tiny")


def test_what_was_published_is_not_changed(registry: ModelRegistry, tmp_path: Path) -> None:
    version = write_artifact(tmp_path / "tiny")
    registry.push(tmp_path / "tiny", version)
    (tmp_path / "tiny" / CARD_FILE).write_text("{}")
    with pytest.raises(Conflict, match="another card"):
        registry.push(tmp_path / "tiny", version)
    (tmp_path / "tiny" / MODEL_FILE).write_bytes(b"other weights")
    with pytest.raises(HashMismatch, match="is not tiny@"):
        registry.push(tmp_path / "tiny", version)
    registry.check(version)


def test_a_damaged_model_is_noticed_and_made_good_by_a_push(
    registry: ModelRegistry, store: ObjectStore, tmp_path: Path
) -> None:
    version = write_artifact(tmp_path / "tiny")
    registry.push(tmp_path / "tiny", version)
    store.put(model_key(version.name, version.version, MODEL_FILE), b"weighs", "text/plain")
    with pytest.raises(HashMismatch, match="damaged"):
        registry.check(version)
    assert registry.push(tmp_path / "tiny", version)
    registry.check(version)


def test_versions_are_found_by_every_way_to_name_them(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    with pytest.raises(ModelNotFound, match="which has none"):
        registry.find("tiny")
    old, new, other = (
        write_artifact(tmp_path / f"{name}-{content!r}", name, content)
        for name, content in (("tiny", b"old"), ("tiny", b"new"), ("other", b"other"))
    )
    for version, content in ((old, b"old"), (other, b"other"), (new, b"new")):
        registry.push(tmp_path / f"{version.name}-{content!r}", version)
    assert sorted(map(str, registry.versions())) == sorted(map(str, (old, new, other)))
    assert registry.find(str(old)) == registry.find(old.version) == old
    assert registry.find("other") == other
    for unknown in ("tin", f"tiny@{other.version}", "../tiny", ""):
        with pytest.raises(ModelNotFound, match=old.version):
            registry.find(unknown)


def test_rollbacks_lead_back_step_by_step(deployments: Deployments) -> None:
    models = ["a@1", "b@2", "c@3"]
    assert deployments.current().model is None
    for model in models:
        deployments.promote(model)
        assert deployments.current().model == model
    assert deployments.promote("c@3") == deployments.latest()
    assert deployments.rollback().model == "b@2"
    deployments.promote("d@4")
    back = [deployments.rollback().model for _ in range(3)]
    assert back == ["b@2", "a@1", None]
    with pytest.raises(Conflict, match="nothing to go back to"):
        deployments.rollback()
    assert deployments.current().model is None
    told = [(entry.action, entry.model) for entry in reversed(deployments.history())]
    assert told[:5] == [
        *(("promote", model) for model in models),
        ("rollback", "b@2"),
        ("promote", "d@4"),
    ]
    assert len(told) == 8


def test_promotions_at_the_same_moment_lose_none_and_all_readers_agree(
    deployments: Deployments, store: ObjectStore, redis: Redis
) -> None:
    models = [f"m@{n}" for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda model: Deployments(redis, store).promote(model), models))
    history = deployments.history()
    assert sorted(entry.model or "" for entry in history) == models
    assert deployments.current() == Deployments(redis, store).current() == history[0]


def test_a_promotion_after_redis_was_emptied_is_seen_at_once(
    deployments: Deployments, redis: Redis, store: ObjectStore
) -> None:
    elsewhere = Deployments(redis, store)
    for model in ("a@1", "b@2", "c@3"):
        redis.flushall()
        deployments.promote(model)
        assert elsewhere.current().model == model


def test_an_emptied_redis_and_a_clock_that_goes_back_change_nothing(
    deployments: Deployments, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = deployments.promote("a@1")
    redis.flushall()
    clock = SimpleNamespace(time_ns=lambda: 0, monotonic=time.monotonic)
    monkeypatch.setattr("storage.models.deployments.time", clock)
    deployments.promote("b@2")
    assert deployments.current().model == "b@2"
    assert deployments.current().before == first.id


@pytest.mark.parametrize("damaged", [b"", b'{"action": "promo', b"[]", b'{"action": 5}', bytes(40)])
def test_a_damaged_deployment_is_skipped(
    deployments: Deployments, store: ObjectStore, caplog: pytest.LogCaptureFixture, damaged: bytes
) -> None:
    deployments.promote("first@1")
    second = deployments.promote("second@2")
    key = f"{DEPLOYMENTS}{second.id}.json"
    store.put(key, damaged, "application/json")
    store.put(f"{DEPLOYMENTS}notes.json", b"ours", "application/json")
    assert deployments.latest().model == "first@1"
    assert [entry.model for entry in deployments.history()] == ["first@1"]
    told = [record for record in caplog.records if record.name == "storage.models.deployments"]
    assert [key in record.getMessage() for record in told] == [True]
    # Nothing is promoted behind a damaged entry.
    again = deployments.promote("first@1")
    assert again.id > second.id
    assert deployments.latest().model == "first@1"


def test_a_deployment_of_a_newer_version_is_read(
    deployments: Deployments, store: ObjectStore
) -> None:
    entry = deployments.promote("first@1")
    key = f"{DEPLOYMENTS}{entry.id}.json"
    newer = json.loads(store.get(key)) | {"record_format": 2, "share": 0.5}
    store.put(key, json.dumps(newer).encode(), "application/json")
    assert deployments.latest().model == "first@1"


def test_a_damaged_card_hides_no_model_and_is_made_good_by_a_push(
    registry: ModelRegistry, store: ObjectStore, tmp_path: Path
) -> None:
    version = write_artifact(tmp_path / "tiny")
    registry.push(tmp_path / "tiny", version)
    store.put(model_key(version.name, version.version, CARD_FILE), b'{"name', "application/json")
    assert registry.read(version).card == {}
    assert registry.push(tmp_path / "tiny", version)
    assert registry.read(version).card["name"] == "tiny"


@pytest.mark.parametrize("name", ["my model", "a!b", "a/b", "a@b", "", ".a"])
def test_a_card_with_a_name_that_no_job_can_give_is_named(
    registry: ModelRegistry, tmp_path: Path, name: str
) -> None:
    version = write_artifact(tmp_path / "odd", name)
    for call in (registry.has, lambda version: registry.push(tmp_path / "odd", version)):
        with pytest.raises(InvalidRequest, match=r"card\.json of this model names it"):
            call(version)


def test_files_that_are_of_no_version_are_left_out(
    registry: ModelRegistry, store: ObjectStore
) -> None:
    for name in ("a!b/1", "a/.b", "-a/1"):
        store.put(f"{MODELS}{name}/{CARD_FILE}", b"{}", "application/json")
    assert registry.versions() == []
