"""The client on Windows, as far as a machine without Windows can tell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from roadmask import Client
from roadmask.folder.lock import FolderLock
from tests.harness.client import windows
from tests.harness.client.photo_folders import tree

pytestmark = pytest.mark.slow


def _run(client: Client, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, windows.__file__, *map(str, words)],
        env=os.environ | {"ROADMASK_URL": client.base_url},
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.mark.usefixtures("busy_worker")
def test_a_folder_is_segmented(client: Client, photos: Path, masks: Path) -> None:
    done = _run(client, "batch", photos, "--out", masks, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["inferred"] == 4
    assert "top.png" in tree(masks)


def test_two_runs_do_not_share_a_folder(client: Client, photos: Path, masks: Path) -> None:
    with FolderLock(masks / ".roadmask", "lock", "`roadmask batch`"):
        done = _run(client, "batch", photos, "--out", masks)
    assert done.returncode == 1
    assert f"running on {masks / '.roadmask'} already (process {os.getpid()})" in done.stderr


def test_the_service_says_that_it_does_not_run_there(
    client: Client, photos: Path, masks: Path
) -> None:
    done = _run(client, "batch", photos, "--out", masks, "--local", "--data-dir", masks / "data")
    assert done.returncode == 1
    assert "does not run on Windows" in done.stderr
