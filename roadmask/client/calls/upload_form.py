"""Several files as one multipart form (RFC 7578)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from roadmask.schemas.media_types import FORM_DATA


def encode_form(files: Iterable[bytes]) -> tuple[str, bytes]:
    """The content type and the body of a form of these files.

    The files have empty names, which httpx does not write: the name of a photo belongs to the item
    of a job, and the same bytes have other names in other folders.
    """
    boundary = secrets.token_hex(16)
    head = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="files"; filename=""\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    parts = b"".join(part for file in files for part in (head, file, b"\r\n"))
    return f"{FORM_DATA}; boundary={boundary}", parts + f"--{boundary}--\r\n".encode()
