"""The display of a folder run, in a real pseudo-terminal and in a log."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from redis import Redis

from roadmask import Client
from roadmask.cli.display import progress
from roadmask.cli.display.progress import FolderProgress, ProgressDisplay
from roadmask.folder.results import Progress
from roadmask.schemas.jobs import ImageRef
from tests.harness.client.program import run_roadmask
from tests.harness.images.api_images import picture
from tests.harness.worker.fake_worker import FakeWorker


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(3):
        (folder / f"{seed}.jpg").write_bytes(picture(seed))
    (folder / "bad [1].jpg").write_bytes(b"no image")
    return folder


def _in_a_terminal(
    command: list[str], env: dict[str, str], stream: str = "stderr"
) -> tuple[int, str]:
    """Run a command that sees a terminal on a stream; its exit code, and what stood there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"} | env,
        stdout=theirs if stream == "stdout" else subprocess.DEVNULL,
        stderr=theirs if stream == "stderr" else subprocess.DEVNULL,
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


@pytest.mark.slow
@pytest.mark.usefixtures("busy_worker")
def test_a_terminal_has_a_live_display(client: Client, photos: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "roadmask.cli", "batch", str(photos)]
    code, shown = _in_a_terminal(
        [*command, "--out", str(tmp_path / "masks")], {"ROADMASK_URL": client.base_url}
    )
    assert code == 1
    # What failed stays as a line; brackets of its name are no markup.
    assert "bad [1].jpg" in shown
    for piece in ("photos → ", "4/4", "images/s", "3 segmented", "1 failed", "flat"):
        assert piece in shown
    # Its lines are short enough for the terminal, which would break them within a word.
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    told = re.search(r"failed: bad .*?it\s+again\.", plain, re.DOTALL)
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
        with FolderProgress(Path("photos"), Path("masks"), Progress(total=5), partial(bool, lost)):
            pass
        assert ("does not answer" in capsys.readouterr().err) is lost


@pytest.mark.usefixtures("busy_worker")
@pytest.mark.slow
def test_a_log_gets_plain_lines(client: Client, photos: Path, tmp_path: Path) -> None:
    done = run_roadmask(
        "batch", "photos", "--out", "masks", cwd=tmp_path, ROADMASK_URL=client.base_url
    )
    assert "\x1b" not in done.stderr
    assert "failed: bad [1].jpg: Not a supported image format." in done.stderr
    counts = "3 inferred, 0 cached by the service, 0 already in place"
    assert done.stdout.startswith(f"3 masks ({counts}), 1 failed: masks\n")
    assert photos.is_dir()


def test_the_rate_counts_what_was_processed_since_the_first_update() -> None:
    rates = []
    with ProgressDisplay("segmenting") as display:
        for done, processed in ((90, 90), (95, 90), (99, 91)):
            display.update(done, 100, processed=processed)
            rates.append(display.rate)
        display.restart_rate()
        display.update(100, 100, processed=92)
        rates.append(display.rate)
    assert [rate is None for rate in rates] == [True, True, False, True]


def test_a_log_gets_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressDisplay("ingesting") as display:
        display.update(1, 9)
        monkeypatch.setattr(progress, "LOG_EVERY_S", 0.0)
        display.update(2, 9, note="1 failed")
    line = capsys.readouterr().err
    assert re.fullmatch(r"ingesting: 2/9, [\d.]+ images/s, 1 failed\n", line)


HOSTILE = "a\x1b]0;PWN\x07\x1b[2J[/x][link=http://evil.example]b\u202e.jpg"


@pytest.mark.slow
def test_hostile_names_reach_no_terminal(
    client: Client, worker: FakeWorker, redis: Redis, tmp_path: Path
) -> None:
    folder = tmp_path / "[red] site\x1b[31m A"
    folder.mkdir()
    (folder / HOSTILE.replace("/", "")).write_bytes(b"no image")
    command = [sys.executable, "-m", "roadmask.cli"]
    batch = [*command, "batch", str(folder), "--out", str(tmp_path / "masks")]
    env = {"ROADMASK_URL": client.base_url}
    _, batch_shown = _in_a_terminal(batch, env)
    job = client.submit([ImageRef(id=client.upload(picture(1)).id, custom_id=HOSTILE)])
    worker.finish(job.id, failing=(0,))
    # The record of a service that took such names.
    redis.hset(f"rm:job:{job.id}", "name", HOSTILE)
    _, job_shown = _in_a_terminal([*command, "jobs", job.id], env, "stdout")
    _, list_shown = _in_a_terminal([*command, "jobs"], env, "stdout")
    for text in (batch_shown, job_shown, list_shown):
        assert "\x1b]" not in text
        assert "\x1b[2J" not in text
        assert "\x07" not in text
        assert "\u202e" not in text
    assert "[/x][link=http://evil.example]b" in list_shown
    assert "failed: a\ufffd]0;PWN" in job_shown.replace("\r\n", "\n")
