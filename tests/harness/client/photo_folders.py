"""Folders of photos, folder runs, and the files that a run writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from roadmask import Client
from roadmask.folder.options import RunOptions, file_format
from roadmask.folder.results import Progress
from roadmask.folder.run import FolderRun
from roadmask.folder.selection import Selection
from roadmask.schemas.mask_parameters import MaskParameters
from tests.harness.images.api_images import picture


def photo(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(seed, "PNG" if path.suffix == ".png" else "JPEG"))


def folder_run(
    client: Client,
    photos: Path,
    masks: Path,
    *,
    format: str | None = None,
    model: str = "default",
    confidence: Path | None = None,
    parameters: MaskParameters | None = None,
    selection: Selection | None = None,
) -> FolderRun:
    form, wanted = file_format(format, masks), parameters or MaskParameters()
    options = RunOptions(photos, masks, form, model, confidence, wanted)
    return FolderRun(client, options, selection)


def run(client: Client, photos: Path, masks: Path, **options: Any) -> Progress:
    batch = folder_run(client, photos, masks, **options)
    for _ in batch.run():
        pass
    return batch.progress


def tree(masks: Path) -> set[str]:
    return {path.relative_to(masks).as_posix() for path in masks.rglob("*.png")}


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
