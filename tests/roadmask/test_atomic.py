"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from roadmask.atomic import replacing, write_atomically


def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path) -> None:
    path = tmp_path / "below" / f"{'x' * 251}.png"
    write_atomically(path, [b"old"])
    write_atomically(path, [b"a ", b"mask"])
    assert path.read_bytes() == b"a mask"


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    def cut_off() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    path = tmp_path / "x.png"
    write_atomically(path, [b"whole"])
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, cut_off())
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_replaces_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for name in ("old", "new"):
        with replacing(path) as draft:
            draft.mkdir()
            (draft / name).touch()
    assert [file.name for file in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_process_that_is_killed_leaves_no_half_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    path.mkdir()
    for name in ("a", "b"):
        (path / name).touch()
    remove = shutil.rmtree

    def look(folder: Path, **options: Any) -> None:
        # What a process leaves that is killed as it begins to delete.
        assert [file.name for file in path.iterdir()] == ["new"]
        remove(folder, **options)

    monkeypatch.setattr(shutil, "rmtree", look)
    with replacing(path) as draft:
        draft.mkdir()
        (draft / "new").touch()
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").touch()
    with suppress(OSError), replacing(path) as draft:
        draft.mkdir()
        (draft / "new").touch()
        raise OSError("The disk is full.")
    assert [file.name for file in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_of_two_writers_of_a_folder_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with replacing(path) as first:
        first.mkdir()
        (first / "first").touch()
        with replacing(path) as second:
            second.mkdir()
            (second / "second").touch()
    assert [file.name for file in path.iterdir()] == ["first"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fsync", [True, False])
def test_bytes_are_on_disk_before_the_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: bool
) -> None:
    path = tmp_path / "file"
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(path.exists()))
    with replacing(path, fsync=fsync) as draft:
        draft.write_bytes(b"bytes")
    assert synced == ([False] if fsync else [])
    assert path.read_bytes() == b"bytes"


def test_a_draft_has_the_suffix_and_the_folder_that_it_is_given(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.keras", drafts=tmp_path / "drafts") as draft:
        assert (draft.parent.name, draft.suffix) == ("drafts", ".keras")
        draft.touch()
    with replacing(tmp_path / "a.mov", suffix=".mp4") as draft:
        assert draft.suffix == ".mp4"
        draft.touch()
