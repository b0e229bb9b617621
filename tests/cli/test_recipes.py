"""The scripts of the client's page, each run as it stands against a whole service."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from roadmask import Stack, decode_mask
from roadmask.images.decoding import encode_jpeg, encode_png

PAGE = Path(__file__).parents[2] / "docs/client.md"
SCRIPTS = [
    dedent(code)
    for code in re.findall(
        r"^ *```python\n(.*?)^ *```$", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
]
SIZE = (48, 64)

# The first test waits for the worker of the shared service.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the files that the scripts name, new to the service."""
    pixels = np.random.default_rng().integers(0, 256, (4, *SIZE, 3), np.uint8)
    (tmp_path / "photos/below").mkdir(parents=True)
    (tmp_path / "front.jpg").write_bytes(encode_jpeg(pixels[0]))
    (tmp_path / "rear.png").write_bytes(encode_png(pixels[1]))
    (tmp_path / "photos/one.jpg").write_bytes(encode_jpeg(pixels[2]))
    (tmp_path / "photos/below/two.jpg").write_bytes(encode_jpeg(pixels[3]))
    (tmp_path / "photos/bad.jpg").write_bytes(b"no image")
    return tmp_path


def _run(script: str, stack: Stack, place: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=place,
        env=os.environ | {"ROADMASK_URL": stack.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_two_uses_have_a_script_for_either_client() -> None:
    found = ["asyncio.run(" in script for script in SCRIPTS]
    assert found == [False, True] * 2 + [False] * 5


@pytest.mark.parametrize("script", SCRIPTS[:2], ids=["blocking", "async"])
def test_submit_and_poll(stack: Stack, place: Path, script: str) -> None:
    lines = _run(script, stack, place).splitlines()
    assert lines[0] == "succeeded 2 of 2"
    assert [line.rpartition(") ")[0] for line in lines[1:]] == [f"{SIZE}"[:-1]] * 2


@pytest.mark.parametrize("script", SCRIPTS[2:4], ids=["blocking", "async"])
def test_batch_a_folder(stack: Stack, place: Path, script: str) -> None:
    assert "failed: bad.jpg The file is not an image" in _run(script, stack, place)
    masks = place / "masks"
    for name in ("one.png", "below/two.png"):
        assert decode_mask((masks / name).read_bytes()).shape == SIZE


def test_fetch_a_mask(stack: Stack, place: Path) -> None:
    _run(SCRIPTS[4], stack, place)
    assert decode_mask((place / "front-mask.png").read_bytes()).shape == SIZE


def test_a_whole_job(stack: Stack, place: Path) -> None:
    assert _run(SCRIPTS[5], stack, place) == "2 tasks for Label Studio\n"
    assert len(json.loads((place / "coco.json").read_bytes())["images"]) == 2


def test_confidence(stack: Stack, place: Path) -> None:
    assert _run(SCRIPTS[6], stack, place).startswith(f"{SIZE} ")


def test_failed_webhook_deliveries(stack: Stack, place: Path) -> None:
    """No job here has a webhook; `tests/roadmask/client` covers deliveries and replays."""
    assert _run(SCRIPTS[7], stack, place) == ""


def test_pictures_in_other_forms(stack: Stack, place: Path) -> None:
    assert _run(SCRIPTS[8], stack, place) == "[None, 'rear.png', 'front.jpg', 'front.jpg']\n"
