"""The commands against a whole service with the shipped model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadmask import Stack, decode_mask, encode_mask
from tests.harness.client.program import Run

# The first test waits for the worker of the shared service.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photos, new to the service in every test, and a file that is none."""
    folder = tmp_path / "photos"
    for number in range(3):
        _photo(folder / "below" / f"{number}.jpg")
    (folder / "bad.jpg").write_bytes(b"no image")
    return folder


def _photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng().integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def test_a_folder_with_a_bad_photo(roadmask: Run, photos: Path, tmp_path: Path) -> None:
    done = roadmask("batch", "photos", "--out", "masks", "--json")
    assert done.returncode == 1
    counts = json.loads(done.stdout)
    assert (counts["inferred"], counts["failed"], counts["total"]) == (3, 1, 4)
    assert "bad.jpg: Not a supported image format." in done.stderr
    mask = decode_mask((tmp_path / "masks/below/0.png").read_bytes())
    assert mask.shape == (48, 64)


def test_a_second_run_says_that_there_was_nothing_to_do(
    roadmask: Run, photos: Path, tmp_path: Path
) -> None:
    (photos / "bad.jpg").unlink()
    first = roadmask("batch", "photos", "--out", "masks")
    assert (first.returncode, "3 masks (3 inferred" in first.stdout) == (0, True)
    again = roadmask("batch", "photos", "--out", "masks")
    assert (again.returncode, again.stdout) == (0, "3 masks up to date, 0 inferred: masks\n")
    other = roadmask("batch", "photos", "--out", "other", "--json")
    counts = json.loads(other.stdout)
    assert (counts["cached"], counts["inferred"], counts["uploaded"]) == (3, 0, 0)


def test_photos_at_once(roadmask: Run, photos: Path, tmp_path: Path) -> None:
    named = ("photos/below/0.jpg", "photos/bad.jpg")
    done = roadmask("segment", *named, "--format", "color", "--confidence", "sure")
    assert done.returncode == 1
    assert done.stdout.startswith("masks/0.png")
    assert "failed: photos/bad.jpg: Not a supported image format." in done.stderr
    with Image.open(tmp_path / "masks/0.png") as picture:
        assert (picture.mode, picture.size) == ("RGB", (64, 48))
    with Image.open(tmp_path / "sure/0.png") as picture:
        assert (picture.mode, picture.size) == ("L", (64, 48))
        # The most likely of 8 categories has an eighth at least.
        assert 255 / 8 - 1 < np.asarray(picture).min() <= 255


def test_a_dataset_and_its_job(roadmask: Run, stack: Stack, tmp_path: Path) -> None:
    _photo(tmp_path / "set/images/a/IMG 1 (2).jpg")
    _photo(tmp_path / "set/images/two.jpg")
    truth = encode_mask(np.ones((48, 64), np.uint8))
    (tmp_path / "set/masks").mkdir()
    (tmp_path / "set/masks/two.png").write_bytes(truth)
    done = roadmask("ingest", "set", "--dataset", "fresh", "--json")
    counts = {"dataset": "fresh", "registered": 2, "with_truth": 1, "sent": 2, "failed": 0}
    counts |= {"labels": ["roadmask"], "unmatched_masks": 0, "suspected_masks": 0}
    assert (done.returncode, json.loads(done.stdout)) == (0, counts)
    again = json.loads(roadmask("ingest", "set", "--dataset", "fresh", "--json").stdout)
    assert again == counts | {"sent": 0}
    with stack.client() as client:
        images = {image.id: image for image in client.images(dataset="fresh")}
        assert images.keys() == {"fresh/a/IMG 1 (2)", "fresh/two"}
        assert images["fresh/two"].truth_sha256
        job = client.submit(dataset="fresh", name="mine")
    watched = roadmask("jobs", job.id, "--watch", "--json")
    assert watched.returncode == 0, watched.stderr
    told = json.loads(watched.stdout)
    assert (told["state"], told["scores"]["images"]) == ("succeeded", 1)
    listed = json.loads(roadmask("jobs", "--json", "--limit", "1").stdout)
    assert [entry["id"] for entry in listed] == [job.id]
    table = roadmask("jobs").stdout
    assert job.id in table
    assert "mine" in table
    assert "mean IoU" in roadmask("jobs", job.id).stdout


def test_a_job_that_does_not_exist(roadmask: Run) -> None:
    done = roadmask("jobs", "01a20000-0000-7000-8000-000000000000")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_a_folder_without_photos_is_wrong_use(roadmask: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = roadmask("batch", "empty", "--out", "masks", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["error"]["code"], told["total"]) == (2, "invalid_request", 0)
    assert "no images" in done.stderr


def test_the_doctor_looks_at_everything(roadmask: Run) -> None:
    done = roadmask("doctor")
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert len(lines) == 12
    assert all(line.startswith(" ok ") for line in lines)
    assert any("mask fetched" in line for line in lines)
