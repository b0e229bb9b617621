"""Versions of models in every store: never changed, checked, found by their names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from roadmask.errors import Conflict, HashMismatch, ModelNotFound
from storage.artifacts import CARD, MODEL, Artifacts, Version
from storage.in_service import InService
from storage.objects import MODELS, ObjectStore, model_key
from tests.artifacts import write_artifact

pytestmark = pytest.mark.timeout(900)  # the first test may have to build its server


@pytest.fixture
def artifacts(store: ObjectStore) -> Artifacts:
    """The store without any model."""
    for key in list(store.keys(MODELS)):
        store.delete(key)
    return Artifacts(store)


@pytest.fixture
def in_service(artifacts: Artifacts, store: ObjectStore, redis: Redis) -> InService:
    return InService(redis, store)


def test_a_version_is_pushed_once_and_comes_back_as_it_was(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 4096
    version = write_artifact(tmp_path / "tiny", content=content)
    assert artifacts.push(tmp_path / "tiny", version)
    assert not artifacts.push(tmp_path / "tiny", version)
    artifacts.check(version)
    artifacts.fetch(version, tmp_path / "copy")
    for name in (MODEL, CARD):
        assert (tmp_path / "copy" / name).read_bytes() == (tmp_path / "tiny" / name).read_bytes()
    stored = artifacts.read(version)
    assert (stored.size, stored.card["name"]) == (len(content), "tiny")


def test_what_was_published_is_not_changed(artifacts: Artifacts, tmp_path: Path) -> None:
    version = write_artifact(tmp_path / "tiny")
    artifacts.push(tmp_path / "tiny", version)
    (tmp_path / "tiny" / CARD).write_text("{}")
    with pytest.raises(Conflict, match="another card"):
        artifacts.push(tmp_path / "tiny", version)
    (tmp_path / "tiny" / MODEL).write_bytes(b"other weights")
    with pytest.raises(HashMismatch, match="is not tiny@"):
        artifacts.push(tmp_path / "tiny", version)
    artifacts.check(version)


def test_a_damaged_model_is_noticed_and_made_good_by_a_push(
    artifacts: Artifacts, store: ObjectStore, tmp_path: Path
) -> None:
    version = write_artifact(tmp_path / "tiny")
    artifacts.push(tmp_path / "tiny", version)
    store.put(model_key(version.name, version.version, MODEL), b"weighs", "text/plain")
    with pytest.raises(HashMismatch, match="damaged"):
        artifacts.check(version)
    assert artifacts.push(tmp_path / "tiny", version)
    artifacts.check(version)


def test_versions_are_found_by_every_way_to_name_them(artifacts: Artifacts, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="which has none"):
        artifacts.find("tiny")
    old, new, other = (
        write_artifact(tmp_path / f"{name}-{content!r}", name, content)
        for name, content in (("tiny", b"old"), ("tiny", b"new"), ("other", b"other"))
    )
    for version, content in ((old, b"old"), (other, b"other"), (new, b"new")):
        artifacts.push(tmp_path / f"{version.name}-{content!r}", version)
    assert sorted(map(str, artifacts.versions())) == sorted(map(str, (old, new, other)))
    assert artifacts.find(str(old)) == artifacts.find(old.version) == old
    assert artifacts.find("other") == other
    for unknown in ("tin", f"tiny@{other.version}", "../tiny", ""):
        with pytest.raises(ModelNotFound, match=old.version):
            artifacts.find(unknown)


def test_rollbacks_lead_back_step_by_step(in_service: InService) -> None:
    models = ["a@1", "b@2", "c@3"]
    assert in_service.now().model is None
    for model in models:
        in_service.promote(model)
        assert in_service.now().model == model
    assert in_service.promote("c@3") == in_service.last()
    assert in_service.rollback().model == "b@2"
    in_service.promote("d@4")
    back = [in_service.rollback().model for _ in range(3)]
    assert back == ["b@2", "a@1", None]
    with pytest.raises(Conflict, match="nothing to go back to"):
        in_service.rollback()
    assert in_service.now().model is None
    told = [(entry.action, entry.model) for entry in reversed(in_service.history())]
    assert told[:5] == [
        *(("promote", model) for model in models),
        ("rollback", "b@2"),
        ("promote", "d@4"),
    ]
    assert len(told) == 8


def test_promotions_at_the_same_moment_lose_none_and_all_readers_agree(
    in_service: InService, store: ObjectStore, redis: Redis
) -> None:
    models = [f"m@{n}" for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda model: InService(redis, store).promote(model), models))
    history = in_service.history()
    assert sorted(entry.model or "" for entry in history) == models
    assert in_service.now() == InService(redis, store).now() == history[0]


def test_an_emptied_redis_and_a_clock_that_goes_back_change_nothing(
    in_service: InService, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = in_service.promote("a@1")
    redis.flushall()
    monkeypatch.setattr("storage.in_service.time.time_ns", lambda: 0)
    in_service.promote("b@2")
    assert in_service.now().model == "b@2"
    assert in_service.now().before == first.id


def test_a_version_is_read_from_its_full_name_alone() -> None:
    assert Version.parse("a@1") == Version("a", "1")
    for text in ("a", "a@", "@1", "a@1@2", "a/b@1", "a b@1", "../a@1"):
        assert Version.parse(text) is None
