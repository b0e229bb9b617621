"""Artifacts in requests: a ZIP archive of a model's files."""

from __future__ import annotations

import errno
import json
import re
import zlib
from pathlib import Path
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from roadmask.errors import InvalidRequest, UploadTooLarge
from roadmask.schemas.ids import SHA256
from roadmask.schemas.model_version import ARTIFACT_FILES, CARD_FILE, MODEL_FILE, ModelVersion

MAX_ARTIFACT_BYTES = 2**30
"""Size of an artifact's files together."""
_BLOCK = 2**20
_METHODS = {ZIP_STORED, ZIP_DEFLATED}
_DAMAGED = (BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, zlib.error)
"""Errors of damaged archives. An encrypted archive raises RuntimeError."""


def unpack_artifact(archive: Path, folder: Path) -> ModelVersion:
    """Write the files of an artifact to a new folder; return the version in its card.

    The registry checks later whether the model has the hash in its card, and the promotion whether
    workers can load it. Raises `InvalidRequest` and `UploadTooLarge`.
    """
    folder.mkdir()
    try:
        with ZipFile(archive) as files:
            names = files.namelist()
            wrong = sorted(set(names) - set(ARTIFACT_FILES))
            missing = sorted({MODEL_FILE, CARD_FILE} - set(names))
            if any(each.compress_type not in _METHODS for each in files.infolist()):
                raise InvalidRequest("The archive has a rare compression: use store or deflate.")
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
    except (*_DAMAGED, OSError) as error:
        # EINVAL is a wrong offset in the archive. Other errors, such as a full disk, are not.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
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
        is_known = re.fullmatch(SHA256, sha256) and all(
            isinstance(each.get("scores", {}), dict) for each in metrics
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        version, is_known = None, None
    if version is None or not is_known:
        raise InvalidRequest(
            f"{CARD_FILE} is no card: it needs `name`, `sha256` and `metrics`. Send the folder of "
            "an artifact, such as that of a run."
        )
    return version
