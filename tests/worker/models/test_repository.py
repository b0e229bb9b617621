"""Artifacts on a worker's disk: its own, shipped ones, and verified downloads."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ml.registry.artifact import SHIPPED, Artifact, find_artifact, write_card
from roadmask.errors import Conflict, HashMismatch, ModelNotFound, SignatureInvalid
from roadmask.hashing import sha256_of_file
from roadmask.schemas.model_version import (
    CARD_FILE,
    COMPILED_FILE,
    MODEL_FILE,
    SIGNATURE_FILE,
    ModelVersion,
)
from storage.models.registry import ModelRegistry
from storage.models.signatures import public_key_text, sign
from storage.objects.keys import model_key
from storage.objects.local import LocalStore
from tests.harness.ml.other_categories import with_other_categories
from worker.models.repository import ModelRepository

NAME = "published"


@pytest.fixture
def registry(store: LocalStore) -> ModelRegistry:
    return ModelRegistry(store)


@pytest.fixture
def other(tmp_path: Path) -> Artifact:
    """An artifact that is not shipped: a copy of a shipped one under another name."""
    source = find_artifact("unet_mini")
    folder = Path(shutil.copytree(source.path, tmp_path / "other"))
    return write_card(folder, source.card.model_copy(update={"name": NAME}))


@pytest.fixture
def published(registry: ModelRegistry, other: Artifact) -> ModelVersion:
    registry.push(other.path, other.model_version)
    return other.model_version


@pytest.fixture
def repository(registry: ModelRegistry, tmp_path: Path) -> ModelRepository:
    return ModelRepository("unet_mini", registry, tmp_path / "copies")


def damage(store: LocalStore, version: ModelVersion) -> None:
    key = model_key(version.name, version.version, MODEL_FILE)
    content = bytearray(store.get(key))
    content[len(content) // 2] ^= 1
    store.put(key, bytes(content), "application/octet-stream")


def test_a_published_model_is_downloaded_once(
    repository: ModelRepository,
    registry: ModelRegistry,
    published: ModelVersion,
    store: LocalStore,
    tmp_path: Path,
) -> None:
    for name in (NAME, str(published), published.version):
        assert repository.find(name).model_version.version == published.version
    assert repository.find(NAME).path == tmp_path / "copies" / str(published)
    damage(store, published)
    again = ModelRepository("unet_mini", registry, tmp_path / "copies")
    assert again.find(str(published)).sha256 == find_artifact("unet_mini").sha256


def test_a_shipped_model_is_not_downloaded(repository: ModelRepository, tmp_path: Path) -> None:
    for name in repository.shipped:
        assert repository.find(str(name)).path.parent == SHIPPED
    assert repository.find("lite_unet").model_version.name == "lite_unet"
    assert not (tmp_path / "copies").exists()


def test_a_damaged_copy_on_disk_is_downloaded_again(
    repository: ModelRepository, published: ModelVersion, tmp_path: Path
) -> None:
    path = repository.find(NAME).path
    (path / MODEL_FILE).write_bytes(b"half of it")
    assert Artifact.load(repository.find(NAME).path).model_version == published
    assert [entry.name for entry in path.parent.iterdir()] == [str(published)]


def test_a_damaged_download_is_repeated(
    store: LocalStore, published: ModelVersion, tmp_path: Path
) -> None:
    class Flaky(LocalStore):
        """Truncates the first download of a model."""

        cut = 1

        def stream(self, key: str) -> Iterator[bytes]:
            blocks = list(super().stream(key))
            if key.endswith(MODEL_FILE) and self.cut:
                self.cut -= 1
                return iter(blocks[:-1])
            return iter(blocks)

    flaky = Flaky(store._root, "http://localhost", "secret")
    repository = ModelRepository("unet_mini", ModelRegistry(flaky), tmp_path / "copies")
    assert repository.find(NAME).model_version == published
    assert flaky.cut == 0


def test_a_download_tells_its_progress(
    store: LocalStore, published: ModelVersion, tmp_path: Path
) -> None:
    class Slow(LocalStore):
        """Notes before each block what the repository says."""

        def stream(self, key: str) -> Iterator[bytes]:
            for block in super().stream(key):
                told.append(repository.downloaded)
                yield block

    told: list[int] = []
    slow = Slow(store._root, "http://localhost", "secret")
    repository = ModelRepository("unet_mini", ModelRegistry(slow), tmp_path / "copies")
    assert repository.downloaded == 0
    repository.find(NAME)
    assert len(told) > 1
    assert told == sorted(set(told))


def test_a_model_damaged_in_the_store_is_refused_until_it_is_pushed_again(
    repository: ModelRepository,
    registry: ModelRegistry,
    other: Artifact,
    published: ModelVersion,
    store: LocalStore,
    tmp_path: Path,
) -> None:
    damage(store, published)
    with pytest.raises(HashMismatch, match="Publish it again"):
        repository.find(NAME)
    assert list((tmp_path / "copies").iterdir()) == []
    registry.push(other.path, published)
    assert repository.find(NAME).model_version == published


def test_a_worker_publishes_its_own_model(
    other: Artifact, registry: ModelRegistry, tmp_path: Path
) -> None:
    repository = ModelRepository(str(other.path), registry, tmp_path / "copies")
    for _ in range(2):
        repository.publish_own()
    assert registry.versions() == [other.model_version]
    assert repository.find(NAME).path == other.path
    # Started with the name of a published one, it has no other source.
    assert (
        ModelRepository(NAME, registry, tmp_path / "copies").own.model_version
        == other.model_version
    )


@pytest.mark.parametrize("name", ["nowhere", "unet_mini@0123456789ab", "other"])
def test_an_unknown_name_is_not_found(
    repository: ModelRepository, other: Artifact, name: str
) -> None:
    with pytest.raises(ModelNotFound, match="no model"):
        repository.find(name)


def test_shipped_models_introduce_themselves(
    repository: ModelRepository, registry: ModelRegistry
) -> None:
    repository.introduce_shipped()
    for version in repository.shipped:
        known = registry.installed(version)
        assert known["card"]["version"] == version.version
        assert known["size"] > 0
        assert not registry.has(version), "it is not published"


@pytest.fixture
def signing(registry: ModelRegistry, tmp_path: Path) -> Signing:
    return Signing(registry, tmp_path / "signed copies")


class Signing:
    """A worker that knows a public key, and the private one."""

    def __init__(self, registry: ModelRegistry, copies: Path) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.registry = registry
        self.copies = copies

    def repository(self, own: str = "unet_mini") -> ModelRepository:
        trusted = [public_key_text(self.key.public_key())]
        return ModelRepository(own, self.registry, self.copies, trusted)

    def push(self, artifact: Artifact, key: Ed25519PrivateKey | None = None) -> None:
        files = [artifact.path / MODEL_FILE, artifact.path / CARD_FILE]
        signature = sign(artifact.model_version, files, key or self.key)
        self.registry.push(artifact.path, artifact.model_version, signature=signature)


def test_a_model_with_other_categories_is_refused(
    registry: ModelRegistry, repository: ModelRepository, tmp_path: Path
) -> None:
    other = with_other_categories(tmp_path / "other")
    registry.push(other.path, other.model_version)
    with pytest.raises(Conflict, match="sky, vehicle, human; masks of the service"):
        repository.find(other.card.name)
    with pytest.raises(Conflict, match="Train the model on these categories"):
        ModelRepository(str(other.path), registry, tmp_path / "copies")


def test_a_signed_model_loads(signing: Signing, other: Artifact) -> None:
    signing.push(other)
    found = signing.repository().find(NAME)
    assert found.model_version == other.model_version
    assert found.load_model().name


def test_an_unsigned_model_is_refused_until_it_is_signed(
    signing: Signing, published: ModelVersion, other: Artifact
) -> None:
    with pytest.raises(SignatureInvalid, match=f"{published} has no signature"):
        signing.repository().find(NAME)
    assert list(signing.copies.iterdir()) == []
    signing.push(other, Ed25519PrivateKey.generate())
    with pytest.raises(SignatureInvalid, match="not made for this version by a key"):
        signing.repository().find(NAME)
    signing.push(other)
    assert signing.repository().find(NAME).model_version == published


def test_who_writes_to_the_store_cannot_replace_a_signed_model(
    signing: Signing, other: Artifact, store: LocalStore
) -> None:
    signing.push(other)
    version = other.model_version
    content = find_artifact("lite_unet").path / MODEL_FILE
    card = other.card.model_copy(update={"sha256": sha256_of_file(content)})
    store.put_file(model_key(version.name, version.version, MODEL_FILE), content, "")
    key = model_key(version.name, version.version, CARD_FILE)
    store.put(key, card.model_dump_json().encode(), "application/json")
    with pytest.raises(SignatureInvalid, match="is not the file that was signed"):
        signing.repository().find(NAME)


def test_a_copy_on_disk_is_checked_each_time(signing: Signing, other: Artifact) -> None:
    signing.push(other)
    path = signing.repository().find(NAME).path
    for file in (path / SIGNATURE_FILE, path / CARD_FILE):
        file.write_bytes(file.read_bytes() + b" ")
        assert signing.repository().find(NAME).path == path
    (path / COMPILED_FILE).write_bytes(b"smuggled")
    signing.repository().find(NAME)
    assert not (path / COMPILED_FILE).exists(), "it was downloaded again"


def test_the_own_folder_of_a_worker_is_checked_and_shipped_models_are_not(
    signing: Signing, other: Artifact
) -> None:
    assert signing.repository().find("lite_unet").path.parent == SHIPPED
    with pytest.raises(SignatureInvalid, match="has no signature"):
        signing.repository(str(other.path))
    files = [other.path / MODEL_FILE, other.path / CARD_FILE]
    signature = sign(other.model_version, files, signing.key)
    (other.path / SIGNATURE_FILE).write_bytes(signature)
    repository = signing.repository(str(other.path))
    repository.publish_own()
    assert signing.repository().find(NAME).model_version == other.model_version
