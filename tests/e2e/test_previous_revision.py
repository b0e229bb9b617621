"""Data of revision 951655d go on under this one: a killed service and a killed folder run.

`previous_revision/make.py` says how the data were made.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roadmask import Client, Stack, decode_mask
from roadmask.images.image_files import find_images

ARCHIVE = Path(__file__).parent / "previous_revision" / "data.tar.xz"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data as they were left."""
    folder = tmp_path_factory.mktemp("revision")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    facts = json.loads((folder / "facts.json").read_text())
    for name, modified in facts["modified_ns"].items():
        os.utime(folder / name, ns=(modified, modified))
    return folder


@pytest.fixture(scope="module")
def facts(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "facts.json").read_text())
    return facts


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    """The service of this revision on the data folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROADMASK_MODEL", str(next((folder / "first").rglob("card.json")).parent))
        patch.setenv("ROADMASK_LEASE_S", "5")
        with Stack(folder / "data", port=0) as stack:
            yield stack


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[Client]:
    with stack.client() as client:
        yield client


def test_the_catalogue_and_its_truths_are_there(client: Client) -> None:
    images = list(client.images(dataset="street"))
    assert [image.id for image in images] == [f"street/{n:04d}" for n in range(160)]
    assert all(image.truth_sha256 for image in images)


def test_an_ended_job_reads_as_before(client: Client, facts: dict[str, Any]) -> None:
    job = client.job(facts["jobs"]["ended"])
    assert (job.state, job.counts.model_dump()) == (
        "completed_with_errors",
        facts["counts"]["ended"],
    )
    done, failed = client.results(job)
    assert client.mask(done).shape == (32, 48)
    assert failed.error is not None
    assert failed.error.code == "image_unreadable"


@pytest.mark.parametrize("name", ["running", "queued"])
def test_a_job_in_hand_is_finished(client: Client, facts: dict[str, Any], name: str) -> None:
    job = client.wait(client.job(facts["jobs"][name]), timeout=90)
    counts = facts["counts"][name]
    assert (job.state, job.counts.succeeded) == ("succeeded", counts["total"])
    items = list(client.results(job))
    assert [item.index for item in items] == list(range(counts["total"]))
    assert all(item.result and item.result.artifact == facts["model"] for item in items)
    assert client.mask(items[-1]).shape == (32, 48)


def test_a_folder_run_is_resumed(stack: Stack, folder: Path) -> None:
    photos, masks = folder / "photos", folder / "masks"
    kept = {path: path.stat().st_mtime_ns for path in masks.rglob("*/*.png")}
    assert len(kept) == 6
    command = [sys.executable, "-m", "roadmask.cli", "batch", str(photos), "--out", str(masks)]
    done = subprocess.run(
        command,
        env=os.environ | {"ROADMASK_URL": stack.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 1, done.stderr  # broken.jpg fails, as before
    images = sorted(find_images(photos))
    assert len(images) == 13
    written = sorted(path.relative_to(masks).with_suffix("") for path in masks.rglob("*/*.png"))
    assert written == sorted(
        path.relative_to(photos).with_suffix("") for path in images if path.stem != "broken"
    )
    assert all(path.stat().st_mtime_ns == modified for path, modified in kept.items())
    assert all(decode_mask(path.read_bytes()).shape == (32, 48) for path in masks.rglob("*/*.png"))
    [failure] = map(json.loads, (masks / "failures.jsonl").read_text().splitlines())
    assert failure["image"] == "broken.jpg"


def test_the_promoted_version_serves_and_rolls_back(
    stack: Stack, client: Client, facts: dict[str, Any]
) -> None:
    assert default_model(client) == facts["model"]
    models(stack, "rollback")
    own = default_model(client)
    models(stack, "promote", facts["model"])  # the other tests expect it
    assert own.startswith("narrow@")
    assert own != facts["model"]
    assert default_model(client) == facts["model"]


def models(stack: Stack, *arguments: str) -> None:
    """Run `roadmask models` with the settings of the worker."""
    environ = Path(f"/proc/{stack.pids['worker-1']}/environ").read_bytes().decode().split("\0")
    env = dict(entry.split("=", 1) for entry in environ if "=" in entry)
    command = [sys.executable, "-m", "roadmask.cli", "models", *arguments]
    subprocess.run(command, env=env, check=True, timeout=100, capture_output=True)


def default_model(client: Client) -> str:
    """The version that makes the mask of a job that names no model."""
    job = client.wait(client.submit(images=["street/0007"]), timeout=60)
    [item] = client.results(job)
    assert item.result is not None
    return item.result.artifact
