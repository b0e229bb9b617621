"""The pages of the three main uses: each command and script, run as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from urllib.parse import urlsplit

import numpy as np
import pytest

from roadmask import Client, Stack, decode_mask
from roadmask.images.decoding import encode_jpeg, encode_png

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^( *)```(python)?\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SIZE = (48, 64)
FRAME = "aachen/aachen_000000_000019"

# The first test waits for the worker of the shared service.
pytestmark = pytest.mark.timeout(300)


class Reader:
    """Runs what a page tells its readers, in a folder with the files that it names."""

    def __init__(self, stack: Stack, folder: Path, job_id: str) -> None:
        self._stack = stack
        self._folder = folder
        self._known = {"JOB": job_id}

    def follow(self, page: str) -> list[str]:
        """Run all blocks of a page; what each of them printed."""
        return [
            self._python(dedent(code)) if language else self._shell(dedent(code))
            for _, language, code in BLOCK.findall((DOCS / page).read_text())
        ]

    def _shell(self, block: str) -> str:
        """Run the commands of a block; ids and links that they print are those of the next."""
        printed = []
        for command in re.split(r"(?<!\\)\n", block.strip()):
            printed.append(self._run("bash", "-ec", command))
            if found := re.search(r'"mask_url":\s*"([^"]+)"', printed[-1]):
                self._known["MASK_URL"] = found[1]
        return "\n".join(printed)

    def _python(self, script: str) -> str:
        return self._run(sys.executable, "-W", "error", "-c", script)

    def _run(self, *command: str) -> str:
        *program, text = command
        text = text.replace("127.0.0.1:8000", urlsplit(self._stack.url).netloc)
        for word, meaning in self._known.items():
            text = re.sub(rf"\b{word}\b", meaning.replace("\\", r"\\"), text)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [*program, text],
            cwd=self._folder,
            env=os.environ | {"ROADMASK_URL": self._stack.url, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=250,
        )
        assert done.returncode == 0, (text, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the pages name, new to the service."""
    pixels = np.random.default_rng().integers(0, 256, (4, *SIZE, 3), np.uint8)
    (tmp_path / "front.jpg").write_bytes(encode_jpeg(pixels[0]))
    (tmp_path / "rear.png").write_bytes(encode_png(pixels[1]))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/one.jpg").write_bytes(encode_jpeg(pixels[2]))
    files = {
        f"leftImg8bit/val/{FRAME}_leftImg8bit.png": pixels[3],
        f"gtFine/val/{FRAME}_gtFine_labelIds.png": np.full(SIZE, 7, np.uint8),
    }
    for name, image in files.items():
        file = tmp_path / "path/to/cityscapes" / name
        file.parent.mkdir(parents=True)
        file.write_bytes(encode_png(image))
    return tmp_path


@pytest.fixture
def reader(stack: Stack, folder: Path) -> Reader:
    with Client(stack.url) as client:
        job = client.wait(client.submit(files=[str(folder / "front.jpg")]))
    return Reader(stack, folder, job.id)


def test_submit_and_poll(reader: Reader, folder: Path) -> None:
    outputs = reader.follow("submit-and-poll.md")
    assert len(outputs) == 6
    assert '"state":"succeeded"' in outputs[0]
    assert {file.name for file in (folder / "masks").glob("*.png")} == {"front.png", "rear.png"}
    assert decode_mask((folder / "mask.png").read_bytes()).shape == SIZE


def test_segment_a_dataset(reader: Reader, folder: Path) -> None:
    outputs = reader.follow("segment-a-dataset.md")
    assert len(outputs) == 3
    assert '"dataset":"cityscapes"' in outputs[0]
    assert decode_mask((folder / "masks/one.png").read_bytes()).shape == SIZE
    assert '"state":"succeeded"' in (folder / "results.jsonl").read_text()
    assert (folder / "overlays.zip").read_bytes().startswith(b"PK")
    assert "front" in (folder / "coco.json").read_text()


def test_fetch_a_mask(reader: Reader, folder: Path) -> None:
    first, *others = reader.follow("fetch-a-mask.md")
    assert "mask_url" in first
    assert len(others) == 1
    assert "http" in others[0]
    assert decode_mask((folder / "mask.png").read_bytes()).shape == SIZE
