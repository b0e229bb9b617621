"""The live screen of a folder run, in a real pseudo-terminal; and what a log gets instead."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from roadmask import Client
from roadmask.cli.screen import Screen
from roadmask.outcomes import Progress
from tests.api.pictures import picture
from tests.cli.conftest import run_roadmask


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(3):
        (folder / f"{seed}.jpg").write_bytes(picture(seed))
    (folder / "bad [1].jpg").write_bytes(b"no image")
    return folder


def _in_a_terminal(command: list[str], env: dict[str, str]) -> tuple[int, str]:
    """Run a command that sees a terminal on stderr; its exit code, and what stood there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"} | env,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = bytearray()
    try:
        while block := os.read(ours, 2**16):
            shown += block
    except OSError:
        # How Linux says that the other end is closed.
        pass
    os.close(ours)
    return process.wait(30), shown.decode()


@pytest.mark.usefixtures("busy_worker")
def test_a_terminal_shows_a_screen(client: Client, photos: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "roadmask.cli", "batch", str(photos)]
    code, shown = _in_a_terminal(
        [*command, "--out", str(tmp_path / "masks")], {"ROADMASK_URL": client.base_url}
    )
    assert code == 1
    # What failed stays as a line; brackets of its name are no markup.
    assert "bad [1].jpg" in shown
    for piece in ("photos → ", "4 of 4", "images/s", "3 segmented", "1 failed", "flat"):
        assert piece in shown
    # Its lines are short enough for the terminal, which would break them within a word.
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    told = re.search(r"failed: bad .*? it again\.", plain, re.DOTALL)
    assert told
    assert 1 < len(told[0].splitlines()) <= 3
    assert max(map(len, told[0].splitlines())) <= 100
    # The screen gives its place back: the cursor was hidden, and is shown again.
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_a_service_that_is_away_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    for lost in (True, False):
        with Screen(Path("photos"), Path("masks"), Progress(total=5), partial(bool, lost)):
            pass
        assert ("does not answer" in capsys.readouterr().err) is lost


@pytest.mark.usefixtures("busy_worker")
def test_a_log_gets_plain_lines(client: Client, photos: Path, tmp_path: Path) -> None:
    done = run_roadmask(
        "batch", "photos", "--out", "masks", cwd=tmp_path, ROADMASK_URL=client.base_url
    )
    assert "\x1b" not in done.stderr
    assert "failed: bad [1].jpg: Not a supported image format." in done.stderr
    assert done.stdout.startswith("3 masks (3 inferred, 0 known, 0 in place), 1 failed: masks\n")
    assert photos.is_dir()
