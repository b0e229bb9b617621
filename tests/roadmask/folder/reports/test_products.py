"""What a folder run yields beside its masks: matches, contact sheet, video, dossier."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from html import unescape
from pathlib import Path

import cv2
import numpy as np
import pytest

from roadmask import Client, encode_mask
from roadmask.errors import ImageUnreadable, InvalidRequest, VideoUnavailable, WorkerCrashed
from roadmask.folder.reports import video
from roadmask.folder.reports.contact_sheet import HALF, HEADER, MARGIN, ContactSheet
from roadmask.folder.reports.failure_report import write_failure_report
from roadmask.folder.reports.panels import Panels
from roadmask.folder.reports.video import write_video
from roadmask.folder.results import FileResult, read_results
from roadmask.images.decoding import decode, encode_jpeg
from tests.harness.client.program import Done, call_roadmask, run_roadmask
from tests.harness.images.api_images import picture

WIDTH, HEIGHT = 120, 80
SKY = (70, 130, 180)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    folder = tmp_path / "masks"
    folder.mkdir()
    return folder


def _result(photos: Path, masks: Path, name: str, grey: int = 200) -> FileResult:
    """A plain grey photo, all of it sky."""
    (photos / f"{name}.jpg").write_bytes(encode_jpeg(np.full((HEIGHT, WIDTH, 3), grey, np.uint8)))
    (masks / f"{name}.png").write_bytes(encode_mask(np.full((HEIGHT, WIDTH), 5, np.uint8)))
    return FileResult(f"{name}.jpg", "0" * 64, f"{name}.png", "own@1", shares={"sky": 1.0})


def _frames(path: Path) -> list[np.ndarray]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        frames.append(read[1][:, :, ::-1])
    capture.release()
    return frames


def test_a_sheet_shows_each_image_beside_its_overlay(photos: Path, masks: Path) -> None:
    results = [_result(photos, masks, f"{number}") for number in range(4)]
    sheet = ContactSheet(Panels(photos, masks), "photos").draw(results)
    height = HALF * HEIGHT // WIDTH
    middle = HEADER + height // 2
    assert sheet[middle, MARGIN + HALF // 2].tolist() == [200] * 3
    drawn = sheet[middle, MARGIN + HALF * 3 // 2]
    assert np.abs(drawn.astype(int) - (np.array(SKY) + 200) // 2).max() <= 1
    assert tuple(sheet[HEADER + height + 2, MARGIN + 5]) == SKY


@pytest.mark.parametrize("name", ["two\nlines", "two\tlines", "two\udcfflines"])
def test_what_no_font_can_draw_is_marked_in_a_name(photos: Path, masks: Path, name: str) -> None:
    sheets = ContactSheet(Panels(photos, masks), "photos")
    drawn = [sheets.draw([_result(photos, masks, each)]) for each in (name, "two\ufffdlines")]
    assert np.array_equal(drawn[0], drawn[1])


def test_a_sheet_holds_some_of_very_many(photos: Path, masks: Path) -> None:
    result = _result(photos, masks, "one")
    panels = Panels(photos, masks)
    few, many = (ContactSheet(panels, "x").draw([result] * count) for count in (60, 500))
    assert few.shape == many.shape


def test_what_is_gone_leaves_a_gap_and_not_an_error(photos: Path, masks: Path) -> None:
    results = [_result(photos, masks, "one"), _result(photos, masks, "two")]
    (photos / "two.jpg").unlink()
    ContactSheet(Panels(photos, masks), "photos").draw(results)
    with pytest.raises(InvalidRequest, match="no mask"):
        ContactSheet(Panels(photos, masks), "photos").draw([])
    with pytest.raises(InvalidRequest, match="--format index, png or overlay"):
        Panels(photos, masks, "color")


# A raised 2 is a digit, but no number.
@pytest.mark.parametrize("names", [("f1", "f2", "f10"), ("f1\u00b22", "f1\u00b23", "f1\u00b210")])
def test_a_video_plays_in_the_order_of_numbers(
    photos: Path, masks: Path, tmp_path: Path, names: tuple[str, ...]
) -> None:
    greys = reversed(list(zip(names, (40, 120, 220), strict=True)))
    results = [_result(photos, masks, name, grey) for name, grey in greys]
    seen: list[int] = []
    film = tmp_path / "new/film.mp4"
    assert write_video(film, Panels(photos, masks), results, 5, seen.append) == 3
    frames = _frames(film)
    assert [frame.shape for frame in frames] == [(HEIGHT, 2 * WIDTH, 3)] * 3
    for frame, grey in zip(frames, (40, 120, 220), strict=True):
        assert abs(int(frame[HEIGHT // 2, WIDTH // 2].mean()) - grey) < 8
        expected = (np.array(SKY) + grey) / 2
        assert np.abs(frame[HEIGHT // 2, WIDTH * 3 // 2] - expected).max() < 12
    assert seen == [1, 2, 3]
    assert [path.name for path in film.parent.iterdir()] == ["film.mp4"]


def test_a_codec_that_is_missing_is_named(
    photos: Path, masks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "CODECS", ("NONE",))
    results = [_result(photos, masks, "one")]
    with pytest.raises(VideoUnavailable, match="no encoder for MP4"):
        write_video(tmp_path / "film.mp4", Panels(photos, masks), results)
    assert not list(tmp_path.glob("*.mp4"))


def test_a_dossier_tells_cause_and_command_and_shows_what_can_be_decoded(
    photos: Path, masks: Path
) -> None:
    (photos / "seen.jpg").write_bytes(picture(1))
    (photos / "crash.jpg").write_bytes(picture(2))
    (photos / "<b>.jpg").write_bytes(b"nothing")
    failures = [
        FileResult.of_error("seen.jpg", None, ImageUnreadable("It is odd.")),
        FileResult.of_error("<b>.jpg", None, ImageUnreadable("It is <odd>.")),
        FileResult.of_error("crash.jpg", None, WorkerCrashed("It kills.")),
        FileResult.of_error("gone.jpg", None, ImageUnreadable("Gone.")),
    ]
    write_failure_report(photos, masks, failures, "roadmask batch 'my photos' --failed")
    page = (masks / "failures/index.html").read_text()
    assert page.count("<img") == 1
    assert page.count("<h2>") == 2
    assert "&lt;b&gt;.jpg" in page
    assert "<odd>" not in page
    assert "roadmask batch &#x27;my photos&#x27; --failed" in page
    assert "the file is gone" in page
    write_failure_report(photos, masks, [], "")
    assert not (masks / "failures").exists()


def test_masks_of_a_folder_named_failures_stay(photos: Path, masks: Path) -> None:
    mask = masks / "failures/one.png"
    mask.parent.mkdir()
    mask.write_bytes(b"mask")
    failure = FileResult.of_error("a.jpg", None, ImageUnreadable("No."))
    write_failure_report(photos, masks, [failure], "")
    write_failure_report(photos, masks, [], "")
    assert [path.name for path in mask.parent.iterdir()] == ["one.png"]


@pytest.mark.slow
@pytest.mark.usefixtures("busy_worker")
def test_all_of_it_by_the_program(client: Client, photos: Path, tmp_path: Path) -> None:
    def batch(*arguments: str) -> Done:
        words = ("batch", "photos", "--out", "masks", *arguments)
        return run_roadmask(*words, cwd=tmp_path, ROADMASK_URL=client.base_url)

    for seed in range(3):
        (photos / f"{seed}.jpg").write_bytes(picture(seed))
    (photos / "bad.jpg").write_bytes(b"no image")
    done = batch("--where", "flat > 99%", "--contact-sheet", "s.png", "--video", "f.mp4", "--json")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["matching"] == 3
    assert (tmp_path / "masks/matches.txt").read_text() == "0.jpg\n1.jpg\n2.jpg\n"
    assert decode((tmp_path / "s.png").read_bytes(), 10**8).ndim == 3
    assert len(_frames(tmp_path / "f.mp4")) == 3

    page = (tmp_path / "masks/failures/index.html").read_text()
    retry = re.search("<pre>(.*)</pre>", page)
    assert retry
    (photos / "bad.jpg").write_bytes(picture(9))
    # As it stands: from another folder, in a shell that does not know the service.
    elsewhere = {name: value for name, value in os.environ.items() if name != "ROADMASK_URL"}
    command = shlex.split(unescape(retry[1]))
    again = subprocess.run(
        command, cwd="/", env=elsewhere, capture_output=True, text=True, check=False
    )
    assert (again.returncode, "1 mask (1 inferred" in again.stdout) == (0, True), again.stderr
    assert not (tmp_path / "masks/failures").exists()
    assert len(read_results(tmp_path / "masks")) == 4
    assert "No image failed" in batch("--failed").stderr

    none = batch("--where", "sky > 50%", "--contact-sheet", "none.png")
    assert (none.returncode, "0 images match" in none.stdout) == (0, True)
    assert not (tmp_path / "none.png").exists()


@pytest.mark.usefixtures("busy_worker")
def test_a_folder_that_cannot_be_written_is_named(client: Client, alone_in: Path) -> None:
    (alone_in / "file").touch()
    words = ("batch", "photos", "--out", "file/masks")
    done = call_roadmask(*words, cwd=alone_in, ROADMASK_URL=client.base_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: {alone_in / 'file/masks/.roadmask'}: Not a directory\n"


def test_a_condition_is_refused_before_any_work(alone_in: Path) -> None:
    done = call_roadmask(
        "batch", "photos", "--out", "masks", "--where", "humans > 1%", cwd=alone_in, ROADMASK_URL=""
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[1:] == ["  humans > 1%", "  ^^^^^^"]


@pytest.fixture
def alone_in(tmp_path: Path, photos: Path) -> Path:
    """A folder with photos, where no service is known."""
    (photos / "one.jpg").write_bytes(picture(1))
    return tmp_path
