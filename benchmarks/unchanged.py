"""`python -m benchmarks.unchanged`: a second run over a folder in which nothing has changed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import click

from benchmarks.harness.section import Section, median_and_range, options
from roadmask import Stack
from roadmask.folder.options import RunOptions
from roadmask.folder.output_folder import OutputFolder
from roadmask.folder.output_names import mask_names
from roadmask.folder.results import FileResult
from roadmask.folder.state import FolderState, state_file
from roadmask.hashing import sha256_of
from roadmask.images.image_files import FoundImages
from roadmask.masks.taxonomy import CITYSCAPES
from roadmask.schemas.mask_formats import MaskFormat
from roadmask.schemas.mask_parameters import MaskParameters

EXPLANATION = """
`roadmask batch FOLDER --out MASKS` on a folder whose images all have their masks in place, with
the state that an earlier run leaves: seconds from the start of the program to its end. The service
runs; it is asked which model version it serves, and nothing else.
"""
FOLDERS = 100
"""The files are spread over so many folders."""


def prepare(folder: Path, out: Path, count: int, artifact: str) -> None:
    """Write images and masks, and the state of a run that made the masks. They are no pictures."""
    shares = {name: 1 / len(CITYSCAPES) for name in CITYSCAPES.names}
    options = RunOptions(folder, out, MaskFormat.INDEX, "default", None, MaskParameters())
    names = [f"{n % FOLDERS:03d}/{n:08d}.jpg" for n in range(count)]
    results = []
    with closing(FolderState(state_file(out))) as state:
        masks = mask_names(names, options.format)
        output = OutputFolder(options, FoundImages(names, {}), masks, state, artifact)
        for name in names:
            data = name.encode()
            image, mask = folder / name, (out / name).with_suffix(".png")
            for path in (image, mask):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            mask_name = mask.relative_to(out).as_posix()
            results.append(FileResult(name, sha256_of(data), mask_name, artifact, shares=shares))
        state.sha256s(names, folder, {})
        output.record(results)


def run(stack: Stack, folder: Path, out: Path) -> float:
    """Seconds of a run in a program of its own."""
    command = [sys.executable, "-m", "roadmask.cli", "batch", str(folder), "--out", str(out)]
    begun = time.perf_counter()
    done = subprocess.run(
        [*command, "--url", stack.url], check=True, capture_output=True, text=True, env=os.environ
    )
    assert "up to date, 0 inferred" in done.stdout, done.stdout + done.stderr
    return time.perf_counter() - begun


@click.command()
@click.option("--files", default=100_000, show_default=True)
@click.option("--repeats", default=3, show_default=True)
@options
def main(files: int, repeats: int, smoke: bool, out: Path | None) -> None:
    """Print the table."""
    if smoke:
        files, repeats = 200, 1
    with tempfile.TemporaryDirectory(prefix="roadmask-bench-") as place:
        work = Path(place).resolve()
        with Stack(work / "data", port=0) as stack, stack.client() as client:
            artifact = client.artifact()
            assert artifact is not None
            prepare(work / "images", work / "masks", files, artifact)
            taken = [run(stack, work / "images", work / "masks") for _ in range(repeats)]
    rows = [(f"{files:,} files, s", median_and_range(taken, 1))]
    title = "A folder in which nothing has changed"
    Section("unchanged", title, EXPLANATION, ("", ""), rows).publish(out)


if __name__ == "__main__":
    main()
