"""The object store: what every implementation must do, and how keys are made.

Keys are made here and nowhere else. Content is addressed by its sha256, so a key never changes its
meaning and a second write of the same key writes the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from roadmask.errors import InvalidId

BLOCK = 256 * 1024
"""Bytes in one block of a stream."""
MODELS = "models/"
"""Everything of published models."""
SERVICE = f"{MODELS}service!/"
"""The history of what was in service; no model's name has an exclamation mark."""

_SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.!-]{1,200}"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """Facts about a stored object."""

    key: str
    size: int
    modified: datetime
    content_type: str


class ObjectStore(Hashable, Protocol):
    """Bytes under keys.

    Every implementation raises `InvalidId` for what is no key (see `check_key`), `ObjectNotFound`
    for a missing one and `StoreUnavailable` when the store is out of reach, whatever its own
    library raises. All may be used from many threads, and after a fork.
    """

    def put(self, key: str, data: bytes, content_type: str, *, spare: bool = False) -> None:
        """Store bytes; a reader sees the old object or the whole new one, never a part.

        A `spare` object is one that can be made again and whose reader would see that it is
        damaged: the store need not make sure that it outlives a power cut.
        """
        ...

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Store a file without holding it in memory."""
        ...

    def get(self, key: str) -> bytes:
        """The whole object."""
        ...

    def stream(self, key: str) -> Iterator[bytes]:
        """The object in blocks, without holding it in memory.

        A missing key raises at this call, not when the first block is read.
        """
        ...

    def info(self, key: str) -> ObjectInfo:
        """Facts about the object."""
        ...

    def exists(self, key: str) -> bool:
        """Whether the key is there."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; a missing one is fine."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys that begin with `prefix`, in order."""
        ...

    def url(self, key: str, ttl: timedelta, *, filename: str | None = None) -> str:
        """A signed URL, good for GET from where the clients are until `ttl` has passed.

        `ttl` is 1 second to 7 days; the key need not exist yet.
        With `filename` the browser saves the object under that name. Needs no network.
        """
        ...

    def check(self) -> None:
        """Make sure the store can be used, making its bucket or folder where that is missing.

        Raises `StoreUnavailable`.
        """
        ...


def check_key(key: str) -> str:
    """The key itself, when it is one. Raises `InvalidId`.

    Keys are segments of ASCII letters, digits and `_ . ! -`, joined by single slashes: what every
    file system and every S3 server takes as it is, and what cannot lead out of a folder.
    """
    if len(key) > 1024 or not _KEY.fullmatch(key):
        raise InvalidId(
            f"{key[:80]!r} is not a key of the object store: use segments of letters, digits, "
            "dot, dash, underscore and exclamation mark, with single slashes between them."
        )
    return key


def check_prefix(prefix: str) -> str:
    """The prefix itself, when some key could begin with it. Raises `InvalidId`."""
    check_key(f"{prefix}x")
    return prefix


def attachment(filename: str) -> str:
    """The `Content-Disposition` that saves a download as `filename` (RFC 6266)."""
    plain = re.sub(r'[^\x20-\x7e]|["\\/%]', "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def image_key(sha256: str) -> str:
    """Where an image's bytes are."""
    return f"images/{sha256[:2]}/{sha256}"


def truth_key(sha256: str) -> str:
    """Where an annotated mask is: a canonical PNG, addressed by its own sha256."""
    return f"truths/{sha256[:2]}/{sha256}.png"


def thumbnail_key(sha256: str) -> str:
    """Where the thumbnail of the image with this sha256 is (JPEG)."""
    return f"thumbnails/{sha256[:2]}/{sha256}.jpg"


def catalogue_key(image_id: str) -> str:
    """Where the catalogue's entry of an image id is (JSON): Redis only holds an index of it.

    No id has an exclamation mark, so no entry's name is ever another entry's folder.
    """
    return f"catalogue/{image_id}!.json"


def mask_keys(
    image_sha256: str, artifact_sha256: str, parameters: Mapping[str, object]
) -> MaskKeys:
    """Where the mask of these bytes by this artifact with these parameters is."""
    recipe = json.dumps([image_sha256, artifact_sha256, parameters], sort_keys=True)
    fingerprint = hashlib.sha256(recipe.encode()).hexdigest()[:40]
    stem = f"masks/{fingerprint[:2]}/{fingerprint}"
    png = f"{stem}.png"
    return MaskKeys(png=png, confidence=confidence_key(png), facts=f"{stem}.json")


def confidence_key(mask_key: str) -> str:
    """Where the confidence of the mask under this key is, when a job asked for it (grey PNG)."""
    return f"{mask_key.removesuffix('.png')}.confidence.png"


@dataclass(frozen=True, slots=True)
class MaskKeys:
    """The objects of a mask. `facts` is written last: where it exists, so does the PNG.

    `confidence` is there only when a job asked for it.
    """

    png: str
    confidence: str
    facts: str


def job_prefix(job_id: str) -> str:
    """Everything of one job: `job.json`, `manifest/`, `results/`, `done.json`."""
    return f"jobs/{job_id}/"


def job_file_key(job_id: str) -> str:
    """Where a job's request is (JSON)."""
    return f"{job_prefix(job_id)}job.json"


def model_key(name: str, version: str, file: str) -> str:
    """Where a file of a model's version is: `model.keras` or `card.json`."""
    return f"{MODELS}{name}/{version}/{file}"
