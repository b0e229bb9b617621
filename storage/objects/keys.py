"""Keys of the object store: all prefixes, and the keys that several modules use.

Most objects are content-addressed by a sha256: a second write of a key writes the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from roadmask.errors import InvalidId
from roadmask.hashing import sha256_of
from roadmask.schemas.ids import SEGMENT

AUDIT = "audit/"
"""Prefix of the parts of the audit log, in order of time."""
CARDS = "cards/"
"""Prefix of the cards of versions that are installed with workers."""
CATALOGUE = "catalogue/"
"""Prefix of the entries of images."""
OWNERS, DATASETS = "owners/", "datasets/"
"""Prefixes of the markers of uploads and of datasets."""
ERASURES = "erasures/"
"""Prefix of the records of erasures."""
IMAGES, TRUTHS, THUMBNAILS = "images/", "truths/", "thumbnails/"
"""Prefixes of the objects that are named by the sha256 of an image or a truth."""
JOB_FOLDERS = "jobs/"
"""Prefix of the objects of all jobs."""
API_KEYS = "keys/"
"""Prefix of the records of API keys."""
MASKS = "masks/"
"""Prefix of the masks, their confidence and their facts."""
MODELS = "models/"
"""Prefix of all published models."""
DEPLOYMENTS = f"{MODELS}service!/"
"""Prefix of the deployment history. No model name has an exclamation mark."""
PREFIXES = (
    *(AUDIT, CARDS, CATALOGUE, OWNERS, DATASETS, ERASURES, IMAGES, TRUTHS, THUMBNAILS),
    *(JOB_FOLDERS, API_KEYS, MASKS, MODELS),
)
"""The first segments of all keys, each with its slash."""
LONGEST_IN_KEY = 180
"""Most characters of a name that is part of a key."""

_SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.!-]{1,200}"
KEY_SEGMENT = re.compile(_SEGMENT, re.ASCII)
"""Text between two slashes of a key."""
_PLAIN_ID = re.compile(rf"{SEGMENT}(/{SEGMENT}){{0,7}}", re.ASCII)
_PLAIN_NAME = re.compile(r"(?!\.)[A-Za-z0-9_.-]+", re.ASCII)
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*", re.ASCII)


def check_key(key: str) -> str:
    """Return a valid key unchanged. Raises `InvalidId`.

    A key is segments of ASCII letters, digits and `_ . ! -`, joined by single slashes. Every file
    system and every S3 server accepts such a key, and it cannot lead out of a folder.
    """
    if not is_key(key):
        raise InvalidId(
            f"{key[:80]!r} is not a key of the object store: use segments of letters, digits, "
            "dot, dash, underscore and exclamation mark, with single slashes between them."
        )
    return key


def is_key(name: str) -> bool:
    """Whether this name of an object is a valid key, as `check_key` defines it."""
    return len(name) <= 1024 and bool(_KEY.fullmatch(name))


def check_prefix(prefix: str) -> str:
    """Return a prefix unchanged if a valid key can begin with it. Raises `InvalidId`."""
    check_key(f"{prefix}x")
    return prefix


def image_key(sha256: str) -> str:
    """Key of an image's bytes."""
    return f"{IMAGES}{sha256[:2]}/{sha256}"


def truth_key(sha256: str) -> str:
    """Key of an annotated mask: a canonical PNG, addressed by its own sha256."""
    return f"{TRUTHS}{sha256[:2]}/{sha256}.png"


def thumbnail_key(sha256: str, pixels: str = "") -> str:
    """Key of the thumbnail (JPEG) of the image with this sha256, read with these `pixels`."""
    reading = f".{sha256_of(pixels.encode())[:16]}" if pixels else ""
    return f"{thumbnail_prefix(sha256)}{reading}.jpg"


def thumbnail_prefix(sha256: str) -> str:
    """Prefix of the keys of all thumbnails of an image."""
    return f"{THUMBNAILS}{sha256[:2]}/{sha256}"


def catalogue_key(image_id: str) -> str:
    """Key of an image's catalogue entry (JSON).

    The key contains an id that is plain ASCII and short. The exclamation mark, which no such id
    has, keeps the file of one entry from being the folder of another. All other ids are hashed,
    because keys allow neither their characters nor their length.
    """
    if len(image_id) <= 512 and _PLAIN_ID.fullmatch(image_id) and ".." not in image_id:
        return f"{CATALOGUE}{image_id}!.json"
    sha256 = sha256_of(image_id.encode())
    return f"{CATALOGUE}!{sha256[:2]}/{sha256}.json"


def upload_marker_key(owner: str, upload: str) -> str:
    """Key of the marker (JSON) of an owner's upload: `images/` or `truths/` and its sha256."""
    return f"{OWNERS}{owner}/{upload}.json"


def dataset_marker_key(name: str) -> str:
    """Key of a dataset's marker (JSON). A name that is not valid in a key is hashed."""
    if len(name) <= LONGEST_IN_KEY and _PLAIN_NAME.fullmatch(name):
        return f"{DATASETS}{name}.json"
    return f"{DATASETS}!{sha256_of(name.encode())}.json"


@dataclass(frozen=True, slots=True)
class MaskKeys:
    """Keys of a mask's objects. `facts` is written last: if it exists, the PNG exists.

    The object at `confidence` exists only if a job asked for it.
    """

    png: str
    confidence: str
    facts: str


def mask_keys(
    image_sha256: str, artifact_sha256: str, parameters: Mapping[str, object]
) -> MaskKeys:
    """Keys of the mask that this artifact makes of this image with these parameters."""
    recipe = json.dumps([image_sha256, artifact_sha256, parameters], sort_keys=True)
    fingerprint = sha256_of(recipe.encode())[:40]
    stem = f"{MASKS}{fingerprint[:2]}/{fingerprint}"
    png = f"{stem}.png"
    return MaskKeys(png=png, confidence=confidence_key(png), facts=facts_key(png))


def confidence_key(mask_key: str) -> str:
    """Key of the confidence (grey PNG) of the mask with this key."""
    return f"{mask_key.removesuffix('.png')}.confidence.png"


def facts_key(mask_key: str) -> str:
    """Key of the facts (JSON) of the mask with this key."""
    return f"{mask_key.removesuffix('.png')}.json"


def job_prefix(job_id: str) -> str:
    """Prefix of a job's objects: `job.json`, `manifest/`, `results/`, `done.json`."""
    return f"{JOB_FOLDERS}{job_id}/"


def job_file_key(job_id: str) -> str:
    """Key of a job's request (JSON)."""
    return f"{job_prefix(job_id)}job.json"


def installed_card_key(name: str, version: str) -> str:
    """Key of the card of a version that is installed with workers."""
    return f"{CARDS}{name}/{version}.json"


def model_key(name: str, version: str, file: str) -> str:
    """Key of a file of a model version: `model.keras` or `card.json`."""
    return f"{MODELS}{name}/{version}/{file}"
