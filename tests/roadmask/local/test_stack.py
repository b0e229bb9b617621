"""What a stack keeps in its folder."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from roadmask.local.stack import read_secret


@pytest.mark.parametrize("damaged", [None, b"", b"\n", b"\0" * 64, b"\xff\xfe"])
def test_a_secret_that_is_missing_or_damaged_is_made_anew(
    tmp_path: Path, damaged: bytes | None
) -> None:
    path = tmp_path / "secret"
    if damaged is not None:
        path.write_bytes(damaged)
    made = read_secret(path)
    assert len(made) == 64
    assert read_secret(path) == made
    assert path.stat().st_mode & 0o077 == 0
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_a_secret_of_the_operator_stays(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("clé of mine, with blanks\n", encoding="utf-8")
    assert read_secret(tmp_path / "secret") == "clé of mine, with blanks"


def test_a_full_disk_leaves_no_empty_secret(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            read_secret(tmp_path / "secret")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
