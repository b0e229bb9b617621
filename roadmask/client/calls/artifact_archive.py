"""The files of an artifact as one ZIP archive, as the service takes them."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

from roadmask.errors import ModelNotFound
from roadmask.schemas.model_version import ARTIFACT_FILES, CARD_FILE, MODEL_FILE


def pack_artifact(folder: Path, archive: Path) -> None:
    """Write the artifact in a folder to a new archive. Raises `ModelNotFound` without one."""
    for name in (MODEL_FILE, CARD_FILE):
        if not (folder / name).is_file():
            raise ModelNotFound(f"{folder} is not an artifact: it has no {name}.")
    # Networks are compressed already.
    with ZipFile(archive, "x", ZIP_STORED) as files:
        for name in ARTIFACT_FILES:
            if (folder / name).is_file():
                files.write(folder / name, name)
