"""`roadmask segment`: what it writes where, and what it never overwrites."""

from __future__ import annotations

import io
import json
import os
import shlex
import struct
import subprocess
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from roadmask import Client
from roadmask.cli.segment import segment
from roadmask.folder.state import FileState, FolderState, state_file
from roadmask.masks.taxonomy import CITYSCAPES
from tests.harness.client.photo_folders import photo, tree
from tests.harness.client.program import PROGRAM, Done, call_roadmask

pytestmark = pytest.mark.usefixtures("busy_worker")

Segment = Callable[..., Done]


@pytest.fixture
def run(client: Client, tmp_path: Path) -> Segment:
    return lambda *words: call_roadmask(
        "segment", *words, cwd=tmp_path, ROADMASK_URL=client.base_url
    )


@pytest.fixture
def x(tmp_path: Path) -> Path:
    photo(tmp_path / "x.png", 1)
    return tmp_path / "x.png"


@pytest.mark.parametrize(
    "words", [("--out", "."), ("--out", "..", "--force"), ("--confidence", ".")]
)
def test_a_photo_is_never_overwritten(run: Segment, x: Path, words: tuple[str, ...]) -> None:
    before = x.read_bytes()
    if words[1] == "..":
        words = ("--out", str(x.parent), "--force")
    done = run("x.png", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is a photo" in done.stderr
    assert x.read_bytes() == before


def test_a_file_that_is_no_mask_is_kept_unless_forced(
    run: Segment, x: Path, tmp_path: Path, client: Client
) -> None:
    photo(tmp_path / "masks/x.png", 2)
    other = (tmp_path / "masks/x.png").read_bytes()
    done = run("x.png")
    assert (done.returncode, "is not known as a mask" in done.stderr) == (2, True)
    assert (tmp_path / "masks/x.png").read_bytes() == other
    assert not list(client.jobs()), "nothing was sent"
    assert run("x.png", "--force").returncode == 0
    assert (tmp_path / "masks/x.png").read_bytes() != other


@pytest.mark.parametrize("format", ["png", "color", "index"])
def test_its_own_mask_is_replaced_and_an_edited_one_is_kept(
    run: Segment, x: Path, tmp_path: Path, format: str
) -> None:
    for _ in range(2):
        done = run("x.png", "--format", format, "--confidence", "sure")
        assert done.returncode == 0, done.stderr
    photo(tmp_path / "masks/x.png", 9)
    assert run("x.png", "--format", format, "--confidence", "sure").returncode == 2


def test_a_mask_of_an_earlier_revision_is_known_by_its_palette(
    run: Segment, x: Path, tmp_path: Path
) -> None:
    run("x.png")
    state_file(tmp_path / "masks").unlink()
    assert run("x.png").returncode == 0


@pytest.mark.parametrize(("kind", "is_kept"), [(0, True), (3, False)])
def test_a_png_of_any_size_is_told_from_a_mask(
    run: Segment, x: Path, tmp_path: Path, kind: int, is_kept: bool
) -> None:
    header = struct.pack(">2I5B", 20_000, 10_000, 8, kind, 0, 0, 0)
    chunks = {b"IHDR": header, b"PLTE": CITYSCAPES.palette.tobytes(), b"IDAT": b"", b"IEND": b""}
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks/x.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
            for name, data in chunks.items()
            if kind or name != b"PLTE"
        )
    )
    done = run("x.png")
    assert (done.returncode, "not known as a mask" in done.stderr) == (2 * is_kept, is_kept)


def test_masks_of_a_folder_run_are_known(run: Segment, x: Path, tmp_path: Path) -> None:
    photo(tmp_path / "masks/x.png", 2)
    with closing(FolderState(state_file(tmp_path / "masks"))) as state:
        state.save_written("x.png", FileState.of(tmp_path / "masks/x.png"), by_run=True)
    assert run("x.png").returncode == 0


def test_another_photo_moves_no_mask(run: Segment, x: Path, tmp_path: Path) -> None:
    photo(tmp_path / "far/away/y.jpg", 3)
    run("x.png")
    run("x.png", "far/away/y.jpg")
    assert tree(tmp_path / "masks") == {"x.png", "y.png"}
    photo(tmp_path / "far/x.jpg", 4)
    run("x.png", "far/x.jpg", "--out", "both")
    assert tree(tmp_path / "both") == {"x.png.png", "x.jpg.png"}
    photo(tmp_path / "far/x.png", 5)
    run("x.png", "far/x.png", "--out", "tree")
    assert tree(tmp_path / "tree") == {"x.png", "far/x.png"}
    photo(tmp_path / "far/X.png", 6)
    run("x.png", "far/X.png", "--out", "case")
    assert tree(tmp_path / "case") == {"x.png", "far/X.png"}


def test_a_link_gives_its_own_name_and_its_target_is_not_overwritten(
    run: Segment, tmp_path: Path
) -> None:
    # As git-annex and DVC keep files.
    photo(tmp_path / "objects/SHA256E-s1--aa.png", 1)
    (tmp_path / "night").mkdir()
    (tmp_path / "night/frame1.png").symlink_to("../objects/SHA256E-s1--aa.png")
    done = run("night/frame1.png", "--out", "masks")
    assert (done.returncode, tree(tmp_path / "masks")) == (0, {"frame1.png"}), done.stderr
    (tmp_path / "masks/frame1.png").unlink()
    (tmp_path / "masks/frame1.png").symlink_to("../objects/SHA256E-s1--aa.png")
    done = run("night/frame1.png", "--out", "masks", "--force")
    assert done.returncode == 2
    assert "is a photo" in done.stderr


def test_a_missing_photo_fails_alone_and_json_tells_all(
    run: Segment, x: Path, client: Client
) -> None:
    done = run("x.png", "nowhere.jpg", "--json", "--quality", "best")
    assert done.returncode == 1
    good, bad = json.loads(done.stdout)["results"]
    assert (good["image"], good["mask"], good["shares"]["flat"]) == ("x.png", "x.png", 1)
    assert (bad["image"], bad["error"]["code"]) == ("nowhere.jpg", "image_unreadable")
    [job] = client.jobs()
    assert job.quality == "best"
    assert [item.custom_id for item in client.results(job)] == ["x.png"]
    nothing = run("nowhere.jpg")
    assert (nothing.returncode, "There is no file" in nothing.stderr) == (2, True)


def test_a_mask_that_cannot_be_written_fails_alone(run: Segment, x: Path, tmp_path: Path) -> None:
    photo(tmp_path / "y.png", 2)
    (tmp_path / "masks/y.png").mkdir(parents=True)
    done = run("y.png", "x.png", "--force")
    assert (done.returncode, (tmp_path / "masks/x.png").is_file()) == (1, True)
    assert "failed: y.png: The mask cannot be written." in done.stderr


@pytest.mark.slow
def test_a_photo_from_stdin_is_called_so_in_its_error(client: Client, tmp_path: Path) -> None:
    words = [*PROGRAM, "segment", "-", "--url", client.base_url]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("failed: -: The file is empty.")


@pytest.mark.parametrize("stream", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.slow
def test_closed_streams_are_no_fault(client: Client, x: Path, stream: str) -> None:
    command = shlex.join([*PROGRAM, "segment", "x.png", "--force", "--url", client.base_url])
    done = subprocess.run(
        f"{command} {stream}", shell=True, cwd=x.parent, capture_output=True, text=True
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    alone = shlex.join([*PROGRAM, "segment", "-", "--out", "-", "--url", client.base_url])
    done = subprocess.run(f"{alone} {stream}", shell=True, capture_output=True, text=True)
    assert "Traceback" not in done.stderr


def test_a_pipe_in_and_out(client: Client, x: Path) -> None:
    done = CliRunner().invoke(segment, ["-", "--url", client.base_url], input=x.read_bytes())
    assert done.exit_code == 0, done.stderr
    with Image.open(io.BytesIO(done.stdout_bytes)) as mask:
        assert mask.mode == "P"
    assert not (x.parent / "masks").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("-", "x.png"),
        ("x.png", "y.png", "--out", "-"),
        ("x.png", "--out", "-", "--json"),
        ("x.png", "--out", "x.png"),
        ("pipe.png",),
    ],
)
def test_streams_that_cannot_be(run: Segment, x: Path, words: tuple[str, ...]) -> None:
    os.mkfifo(x.parent / "pipe.png")
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
