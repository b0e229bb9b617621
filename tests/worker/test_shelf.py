"""Artifacts on a worker's disk: its own, shipped ones, and copies that are checked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.artifact import MODEL, SHIPPED, Artifact, find_artifact, write_card
from roadmask.errors import HashMismatch, ModelNotFound
from storage.artifacts import Artifacts, Version
from storage.local_store import LocalStore
from storage.objects import model_key
from worker.shelf import Shelf, version_of

NAME = "published"


@pytest.fixture
def artifacts(store: LocalStore) -> Artifacts:
    return Artifacts(store)


@pytest.fixture
def other(tmp_path: Path) -> Artifact:
    """An artifact that does not come with Roadmask: a shipped model under another name."""
    source = find_artifact("unet_mini")
    folder = Path(shutil.copytree(source.path, tmp_path / "other"))
    return write_card(folder, source.card.model_copy(update={"name": NAME}))


@pytest.fixture
def published(artifacts: Artifacts, other: Artifact) -> Version:
    artifacts.push(other.path, version_of(other))
    return version_of(other)


@pytest.fixture
def shelf(artifacts: Artifacts, tmp_path: Path) -> Shelf:
    return Shelf("unet_mini", artifacts, tmp_path / "copies")


def damage(store: LocalStore, version: Version) -> None:
    key = model_key(version.name, version.version, MODEL)
    content = bytearray(store.get(key))
    content[len(content) // 2] ^= 1
    store.put(key, bytes(content), "application/octet-stream")


def test_a_published_model_is_copied_once_and_needs_no_store_then(
    shelf: Shelf, artifacts: Artifacts, published: Version, store: LocalStore, tmp_path: Path
) -> None:
    for name in (NAME, str(published), published.version):
        assert shelf.find(name).version == published.version
    assert shelf.find(NAME).path == tmp_path / "copies" / str(published)
    damage(store, published)
    again = Shelf("unet_mini", artifacts, tmp_path / "copies")
    assert again.find(str(published)).sha256 == find_artifact("unet_mini").sha256


def test_what_comes_with_the_worker_is_not_fetched(shelf: Shelf, tmp_path: Path) -> None:
    for name in shelf.brought:
        assert shelf.find(name).path.parent == SHIPPED
    assert shelf.find("lite_unet").name == "lite_unet"
    assert not (tmp_path / "copies").exists()


def test_a_damaged_copy_on_disk_is_fetched_again(
    shelf: Shelf, published: Version, tmp_path: Path
) -> None:
    path = shelf.find(NAME).path
    (path / MODEL).write_bytes(b"half of it")
    assert Artifact.load(shelf.find(NAME).path).version == published.version
    assert [entry.name for entry in path.parent.iterdir()] == [str(published)]


def test_a_damaged_download_is_refused_and_tried_again(
    store: LocalStore, published: Version, tmp_path: Path
) -> None:
    class Flaky(LocalStore):
        """The first download of a model loses its end."""

        cut = 1

        def stream(self, key: str) -> Iterator[bytes]:
            blocks = list(super().stream(key))
            if key.endswith(MODEL) and self.cut:
                self.cut -= 1
                return iter(blocks[:-1])
            return iter(blocks)

    flaky = Flaky(store._root, "http://localhost", "secret")
    shelf = Shelf("unet_mini", Artifacts(flaky), tmp_path / "copies")
    assert shelf.find(NAME).version == published.version
    assert flaky.cut == 0


def test_a_model_that_is_damaged_in_the_store_is_never_taken_until_it_is_pushed_again(
    shelf: Shelf,
    artifacts: Artifacts,
    other: Artifact,
    published: Version,
    store: LocalStore,
    tmp_path: Path,
) -> None:
    damage(store, published)
    with pytest.raises(HashMismatch, match="Publish it again"):
        shelf.find(NAME)
    assert list((tmp_path / "copies").iterdir()) == []
    artifacts.push(other.path, published)
    assert shelf.find(NAME).version == published.version


def test_a_worker_publishes_what_it_was_started_with(
    other: Artifact, artifacts: Artifacts, tmp_path: Path
) -> None:
    shelf = Shelf(str(other.path), artifacts, tmp_path / "copies")
    for _ in range(2):
        shelf.publish_own()
    assert artifacts.versions() == [version_of(other)]
    assert shelf.find(NAME).path == other.path
    # Started with the name of a published one, it has no other source.
    assert Shelf(NAME, artifacts, tmp_path / "copies").own.version == other.version


@pytest.mark.parametrize("name", ["nowhere", "unet_mini@0123456789ab", "other"])
def test_an_unknown_name_is_not_found(shelf: Shelf, other: Artifact, name: str) -> None:
    with pytest.raises(ModelNotFound, match="no model"):
        shelf.find(name)
