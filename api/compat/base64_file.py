"""Files in base64, decoded part by part into a file."""

from __future__ import annotations

import binascii
import re

from api.bodies.uploads import UploadWriter
from roadmask.schemas.media_types import DATA_URI

PART = 2**20
"""Characters that are decoded at once; a multiple of 4."""
DATA_URI_BYTES = re.compile(DATA_URI.encode())


def write_base64(letters: memoryview, writer: UploadWriter) -> None:
    """Decode base64 text and write the bytes. Raises `ValueError` for malformed text."""
    for offset in range(0, len(letters), PART):
        part = bytes(letters[offset : offset + PART])
        writer.write(binascii.a2b_base64(part, strict_mode=True))
