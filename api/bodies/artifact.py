"""Artifacts in requests: a ZIP archive of a model's files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile

from roadmask.errors import InvalidRequest, UploadTooLarge
from roadmask.schemas.model_version import ARTIFACT_FILES, CARD_FILE, MODEL_FILE, ModelVersion

MAX_ARTIFACT_BYTES = 2**30
"""Size of an artifact's files together."""
_BLOCK = 2**20
_SHA256 = re.compile(r"[0-9a-f]{64}")


def unpack_artifact(archive: Path, folder: Path) -> ModelVersion:
    """Write the files of an artifact to a new folder; return its version, by its card.

    Whether the model has the card's hash is checked by the registry, and whether a worker can load
    it by its promotion. Raises `InvalidRequest` and `UploadTooLarge`.
    """
    folder.mkdir()
    try:
        with ZipFile(archive) as files:
            names = files.namelist()
            wrong = sorted(set(names) - set(ARTIFACT_FILES))
            missing = sorted({MODEL_FILE, CARD_FILE} - set(names))
            if wrong or missing or len(set(names)) < len(names):
                raise InvalidRequest(
                    f"The archive has {', '.join(names[:8]) or 'no file'}. Send {MODEL_FILE} and "
                    f"{CARD_FILE}, once each, and beside them at most "
                    f"{' and '.join(sorted(set(ARTIFACT_FILES) - {MODEL_FILE, CARD_FILE}))}."
                )
            left = MAX_ARTIFACT_BYTES
            for name in names:
                with files.open(name) as packed, (folder / name).open("wb") as file:
                    left -= _copy(packed, file, left)
    except (BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        # An encrypted member is a RuntimeError, and damaged data are any of the others.
        raise InvalidRequest(f"The body is no ZIP archive that can be read: {error}.") from None
    return _version((folder / CARD_FILE).read_bytes())


def _copy(packed: IO[bytes], file: IO[bytes], most: int) -> int:
    copied = 0
    while block := packed.read(_BLOCK):
        copied += len(block)
        if copied > most:
            raise UploadTooLarge(f"The artifact has more than {MAX_ARTIFACT_BYTES:,} bytes.")
        file.write(block)
    return copied


def _version(card: bytes) -> ModelVersion:
    try:
        fields = json.loads(card)
        sha256 = fields["sha256"]
        version = ModelVersion.parse(f"{fields['name']}@{sha256[:12]}")
        metrics = fields.get("metrics", [])
        is_known = _SHA256.fullmatch(sha256) and all(isinstance(each, dict) for each in metrics)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        version, is_known = None, None
    if version is None or not is_known:
        raise InvalidRequest(
            f"{CARD_FILE} is no card: it needs `name`, `sha256` and `metrics`. Send the folder of "
            "an artifact, such as that of a run."
        )
    return version
