"""The folder that a request's files wait in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.bodies.uploads import ABANDONED_S, remove_abandoned_folders, temporary_folder


def test_what_dead_processes_left_goes_at_the_next_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old, others = tmp_path / "roadmask-upload-old", tmp_path / "others"
    for folder in (old, others):
        folder.mkdir()
        (folder / "body").write_bytes(b"bytes")
        before = folder.stat().st_mtime - ABANDONED_S - 1
        os.utime(folder, (before, before))
    with temporary_folder() as own:
        remove_abandoned_folders()
        assert set(tmp_path.iterdir()) == {own, others}
