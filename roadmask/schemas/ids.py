"""Identifiers: how the ids of images, datasets and events are written, and how they are checked."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import quote

from pydantic import StringConstraints

from roadmask.errors import InvalidId
from roadmask.shown import UNSHOWN

SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
"""A name of a model or a version: ASCII, no slash."""
_BREAKS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
NAME = rf"(\.{{0,2}}[^/.{_BREAKS}][^/{_BREAKS}]*|\.\.\.[^/{_BREAKS}]*)"
"""A part of an image's id: any text without slash, control characters and line breaks, except `.`
and `..`. These would change the meaning of a path, of a URL or of a line of text."""
IMAGE_ID = rf"^{NAME}(/{NAME})*$"
"""Ids of images: `dataset/name…` (catalogued) or `sha256-<64 hex>` (uploaded)."""
MAX_ID = 1024
"""Characters of an image's id, and of a client's name for an item."""
RESERVED = frozenset({"content", "truth", "thumbnail"})
"""Names that an id cannot end with, because they are addresses below an image."""
SHA256 = r"^[0-9a-f]{64}$"
UPLOADED = re.compile(r"^sha256-([0-9a-f]{64})$")
DATASET_NAME = f"^{NAME}$"
EVENT_ID = r"^\d{1,19}(-\d{1,19})?$"
"""Ids of a job's events: those of entries of a Redis stream."""
LABEL = rf"^[^{UNSHOWN}]*$"
"""A text for people in one line."""
KEY_ID = r"^[0-9a-f]{12}$"
IN_WORDS = {
    IMAGE_ID: "an image id: without control characters, and no part between its slashes is empty, "
    "`.` or `..`",
    DATASET_NAME: "a name without slashes and control characters, not empty, `.` or `..`",
    SHA256: "64 hexadecimal digits, in lower case",
    EVENT_ID: "the id of an event, as the stream sent it",
    KEY_ID: "the id of a key, the 12 characters after `rm_`",
    LABEL: "one line of text, without control characters",
}
"""What texts are that match these patterns, for messages."""

MAX_INDEX = 2**53 - 1
"""Largest number in a request: JSON readers and Redis take every integer up to it."""

ImageId = Annotated[str, StringConstraints(pattern=IMAGE_ID, max_length=MAX_ID)]
DatasetName = Annotated[str, StringConstraints(pattern=DATASET_NAME, max_length=MAX_ID)]
Label = Annotated[str, StringConstraints(pattern=LABEL, max_length=200)]
CustomId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID)]


def check_image_id(image_id: str) -> str:
    """Return the id. Raises `InvalidId` for a text that is not the id of an image."""
    if reason := _fault(image_id):
        raise InvalidId(
            f"{image_id[:80]!r} is not an image id: {reason}. An image id is `sha256-` and 64 "
            "hexadecimal digits, or `dataset/name`, in which `name` may have further slashes."
        )
    return image_id


def check_dataset_name(name: str) -> str:
    """Return the name. Raises `InvalidId` for a text that cannot name a dataset."""
    reason = _fault(name)
    if "/" in name:
        reason = "it has a slash"
    if name.startswith("sha256-"):
        reason = "it begins with `sha256-`, as the ids of uploads do"
    if reason:
        raise InvalidId(f"{name[:80]!r} cannot name a dataset: {reason}. Choose another name.")
    return name


def uploaded_id(sha256: str) -> str:
    """The id of an uploaded image, from the sha256 (hex) of its bytes."""
    return f"sha256-{sha256}"


def path_part(text: str) -> str:
    """An id or a name as one part of a URL's path. Raises `InvalidId` for a text that is none."""
    if text in ("", ".", "..") or len(text) > MAX_ID or not _is_unicode(text):
        raise InvalidId(
            f"{text[:80]!r} is not an id or a name: it is empty, `.` or `..`, has more than "
            f"{MAX_ID:,} characters, or is not valid Unicode."
        )
    return quote(text, safe="")


def _is_unicode(text: str) -> bool:
    """Whether the text has a form in UTF-8; names of files may have none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fault(text: str) -> str:
    """Why the text is not an id; empty when it is one."""
    if not _is_unicode(text):
        return "it is not valid Unicode (the name of its file is not UTF-8)"
    if len(text) > MAX_ID:
        return f"it has {len(text):,} characters, and {MAX_ID:,} is the limit"
    if breaks := re.search(f"[{_BREAKS}]", text):
        return f"it has the control character U+{ord(breaks[0]):04X}"
    if not re.fullmatch(IMAGE_ID, text):
        return "it is empty, or a part between its slashes is empty, `.` or `..`"
    return ""
