from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from ml.registry.artifact import SHIPPED, Artifact, find_artifact, shipped, write_card
from roadmask.errors import HashMismatch, ModelNotFound
from roadmask.hashing import sha256_of
from roadmask.masks.taxonomy import CITYSCAPES


@pytest.fixture
def copied(artifact: Artifact, tmp_path: Path) -> Path:
    return Path(shutil.copytree(artifact.path, tmp_path / "copy"))


def test_an_artifact_is_found_by_its_folder(artifact: Artifact) -> None:
    found = find_artifact(artifact.path)
    assert str(found.model_version) == f"narrow@{found.sha256[:12]}"
    assert found.taxonomy == CITYSCAPES
    assert found.answers == CITYSCAPES.real


def test_another_model_file_is_not_taken(copied: Path) -> None:
    damaged = bytearray((copied / "model.keras").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (copied / "model.keras").write_bytes(damaged)
    with pytest.raises(HashMismatch, match="its card says"):
        Artifact.load(copied)


@pytest.mark.parametrize("missing", ["model.keras", "card.json"])
def test_a_missing_file_is_named(copied: Path, missing: str) -> None:
    (copied / missing).unlink()
    with pytest.raises(ModelNotFound, match=missing):
        Artifact.load(copied)


PARTS = [(), ("provenance",), ("metrics", 0), ("calibration",)]


@pytest.mark.parametrize("part", PARTS)
def test_what_a_newer_version_says_of_a_model_is_ignored(
    artifact: Artifact, copied: Path, part: tuple[str | int, ...]
) -> None:
    """As older workers meet it during an upgrade, and after a roll-back."""
    words = json.loads((copied / "card.json").read_text())
    place = words
    for key in part:
        place = place[key]
    place["of_a_newer_version"] = 1
    (copied / "card.json").write_text(json.dumps(words))
    assert Artifact.load(copied).card == artifact.card


@pytest.mark.parametrize("part", ["fit", "categories"])
def test_what_would_change_the_masks_is_refused_if_it_is_unknown(copied: Path, part: str) -> None:
    words = json.loads((copied / "card.json").read_text())
    words[part]["of_a_newer_version"] = 1
    (copied / "card.json").write_text(json.dumps(words))
    with pytest.raises(ModelNotFound, match="of_a_newer_version"):
        Artifact.load(copied)


def test_a_card_of_another_form_is_refused(copied: Path) -> None:
    words = json.loads((copied / "card.json").read_text())
    del words["fit"]
    (copied / "card.json").write_text(json.dumps(words))
    with pytest.raises(ModelNotFound, match="fit"):
        Artifact.load(copied)


def test_an_unknown_name_names_those_there_are() -> None:
    for name in ("unet_maxi", "unet_mini@0123456789ab", "@"):
        with pytest.raises(ModelNotFound, match=r"default, lite_unet@.*, unet_mini@"):
            find_artifact(name)


def test_a_shipped_version_is_found_by_every_way_to_name_it() -> None:
    for card in shipped():
        found = [find_artifact(name) for name in (card.name, card.version, str(card.model_version))]
        assert [artifact.sha256 for artifact in found] == [card.sha256] * 3


@pytest.mark.parametrize("card", sorted(SHIPPED.glob("*/card.json")), ids=lambda p: p.parent.name)
def test_shipped_artifacts_are_whole_and_say_what_they_are(card: Path) -> None:
    artifact = Artifact.load(card.parent)
    assert artifact.card.name == card.parent.name
    assert artifact.card.metrics
    assert artifact.card.notices
    assert artifact.card.provenance.data
    assert "/work" not in card.read_text()
    assert "/tmp" not in card.read_text()


def test_the_default_is_one_of_the_shipped() -> None:
    assert find_artifact("default") == find_artifact((SHIPPED / "default").read_text().strip())


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"void": 8}, "void is 8"),
        ({"void": -1}, "void is -1"),
        ({"labels": []}, "categories.labels"),
        ({"labels": [{"name": "road", "color": [0, 0, 0]}] * 2}, "same name"),
        ({"labels": [{"name": name, "color": [256, 0, 0]} for name in "ab"]}, "color"),
    ],
)
def test_categories_that_no_mask_can_have_are_refused_in_one_line(
    tmp_path: Path, change: dict[str, object], place: str
) -> None:
    words = json.loads(shipped()[0].model_dump_json())
    words["categories"] |= change
    (tmp_path / "card.json").write_text(json.dumps(words))
    with pytest.raises(ModelNotFound, match=place) as caught:
        Artifact.load(tmp_path)
    assert "\n" not in caught.value.detail


def test_a_card_on_a_full_disk_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.keras").write_bytes(b"model")
    sha256 = sha256_of(b"model")
    card = shipped()[0].model_copy(update={"sha256": sha256, "version": sha256[:12]})
    write_card(tmp_path, card)

    def full(draft: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_card(tmp_path, card.model_copy(update={"choice": "It is small."}))
    assert Artifact.load(tmp_path).card == card
    assert len(list(tmp_path.iterdir())) == 2
