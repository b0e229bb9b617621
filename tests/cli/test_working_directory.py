"""Commands run in a folder whose own modules have the names of ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from roadmask.images.decoding import encode_png
from roadmask.python_command import python_command
from roadmask.settings import Settings
from tests.harness.client import user_project
from tests.harness.client.program import SCRIPT
from tests.harness.waiting import wait_until
from worker.pipeline.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
ROOMS = ("api", "ml", "roadmask", "storage", "worker")
ENVIRONMENT = os.environ | user_project.ENVIRONMENT | {"ROADMASK_URL": ""}

# Each start of a worker takes long where the cores are busy.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's project with photos, where importing `api` and the like ends the process."""
    user_project.write_project(tmp_path)
    (tmp_path / "photos").mkdir()
    pixels = np.random.default_rng().integers(0, 256, (48, 64, 3), np.uint8)
    (tmp_path / "photos/one.png").write_bytes(encode_png(pixels))
    return tmp_path


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, text=True, capture_output=True, check=False
    )


def test_a_service_of_its_own_for_one_run(folder: Path) -> None:
    """`roadmask up` runs in such a folder in `test_stack.py`, the demo in `tests/deploy`."""
    for command in (("batch", "photos", "--out", "batch"), ("segment", "photos/one.png")):
        done = _run(folder, SCRIPT, *command, "--local", "--data-dir", "data")
        assert done.returncode == 0, done.stderr
    assert all((folder / made / "one.png").is_file() for made in ("batch", "masks"))
    assert (folder / "data/objects").is_dir()


def test_a_worker_of_its_own_imports_ours(folder: Path) -> None:
    env = ENVIRONMENT | {"ROADMASK_REDIS_URL": "redis://127.0.0.1:1/0"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([SCRIPT, "worker"], cwd=folder, env=env, stderr=log)
    try:
        wait_until(lambda: "worker starts" in (folder / "log").read_text(), seconds=120)
    finally:
        process.kill()
        process.wait()


def test_the_module_runs_without_the_working_directory(folder: Path) -> None:
    done = _run(folder, *python_command("roadmask.cli", "api", "--help"))
    assert done.returncode == 0, done.stderr
    # Python finds the user's `roadmask` before any line of ours runs.
    (folder / "roadmask.py").unlink()
    done = _run(folder, sys.executable, "-m", "roadmask.cli", "api", "--help")
    assert done.returncode == 0, done.stderr


def test_the_sandbox_decodes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (folder / "photos/one.png").read_bytes()
    monkeypatch.chdir(folder)
    sandbox = Sandbox(Settings().max_image_pixels, 60)
    try:
        assert sandbox.decode(data, (1, 1)).pixels.shape == (48, 64, 3)
    finally:
        sandbox.stop()


def test_every_command_of_a_module_is_built_in_one_place() -> None:
    named = [
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"""["']-m["']""", path.read_text())
    ]
    assert named == ["roadmask/python_command.py"]
