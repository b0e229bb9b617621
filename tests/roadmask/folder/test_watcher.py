"""A folder that grows: whole files are taken once, half-written ones wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roadmask import Client
from roadmask.folder.watcher import SETTLE_S, FolderWatcher
from tests.harness.clock import Clock
from tests.harness.images.api_images import picture
from tests.harness.waiting import wait_until


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def arrivals(tmp_path: Path, clock: Clock) -> FolderWatcher:
    return FolderWatcher(tmp_path, tmp_path / "masks", clock)


def _old(path: Path, data: bytes = b"whole") -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (time.time() - 60, time.time() - 60))


def test_old_files_are_taken_at_once_and_once(tmp_path: Path, arrivals: FolderWatcher) -> None:
    _old(tmp_path / "a/one.jpg")
    _old(tmp_path / "notes.txt")
    _old(tmp_path / "masks/one.png")
    assert arrivals.take() == {"a/one.jpg"}
    assert (arrivals.take(), arrivals.waiting) == (set(), 0)


def test_a_file_in_the_making_waits(tmp_path: Path, arrivals: FolderWatcher, clock: Clock) -> None:
    half = tmp_path / "half.jpg"
    for size in (0, 10, 20):
        half.write_bytes(b"x" * size)
        assert (arrivals.take(), arrivals.waiting) == (set(), 1)
        clock.now += SETTLE_S * 0.9
    assert arrivals.take() == set()
    clock.now += SETTLE_S * 0.2
    assert (arrivals.take(), arrivals.waiting) == ({"half.jpg"}, 0)


def test_an_empty_file_is_not_whole_however_old(
    tmp_path: Path, arrivals: FolderWatcher, clock: Clock
) -> None:
    _old(tmp_path / "empty.jpg", b"")
    assert arrivals.take() == set()
    clock.now += 10 * SETTLE_S
    assert (arrivals.take(), arrivals.waiting) == (set(), 1)


def test_a_file_that_changes_comes_again(
    tmp_path: Path, arrivals: FolderWatcher, clock: Clock
) -> None:
    _old(tmp_path / "one.jpg", b"half")
    assert arrivals.take() == {"one.jpg"}
    (tmp_path / "one.jpg").write_bytes(b"whole at last")
    assert arrivals.take() == set()
    clock.now += SETTLE_S
    assert arrivals.take() == {"one.jpg"}


def test_a_clock_of_another_machine_makes_nothing_whole(
    tmp_path: Path, arrivals: FolderWatcher, clock: Clock
) -> None:
    """The time of a change may lie ahead of ours on a network drive."""
    _old(tmp_path / "one.jpg")
    os.utime(tmp_path / "one.jpg", (time.time() + 3600, time.time() + 3600))
    assert arrivals.take() == set()
    clock.now += SETTLE_S
    assert arrivals.take() == {"one.jpg"}


def _watching(url: str, photos: Path, masks: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "roadmask.cli", "batch", str(photos), "--out", str(masks)]
    return subprocess.Popen(
        [*command, "--watch", "--where", "flat > 50%"],
        env=os.environ | {"ROADMASK_URL": url},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.slow
@pytest.mark.usefixtures("busy_worker")
def test_watching_from_an_empty_folder_to_ctrl_c(client: Client, tmp_path: Path) -> None:
    photos, masks = tmp_path / "photos", tmp_path / "masks"
    photos.mkdir()
    process = _watching(client.base_url, photos, masks)
    try:
        whole = picture(1)
        (photos / "first.jpg").write_bytes(whole)
        wait_until((masks / "first.png").exists)
        # Its writer pauses for so long that it is taken, fails, and is taken again when whole.
        (photos / "second.jpg").write_bytes(picture(2)[:200])
        wait_until(lambda: "second" in _text(masks / "failures.jsonl"))
        (photos / "second.jpg").write_bytes(picture(2))
        wait_until((masks / "second.png").exists)
        wait_until(lambda: _text(masks / "results.jsonl").count("succeeded") == 2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "2 masks (2 inferred" in out
    assert "2 images match" in out
    assert "failed: second.jpg" in err
    assert "Traceback" not in err
    assert _text(masks / "matches.txt") == "first.jpg\nsecond.jpg\n"


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
