"""Images and datasets as they look on the wire, and the rules for their ids."""

from __future__ import annotations

import re
from datetime import datetime

from pydantic import Field

from roadmask.errors import InvalidId
from roadmask.jobs import IMAGE_ID, ImageId
from roadmask.wire import Page, Wire

SHA256 = r"^[0-9a-f]{64}$"
UPLOADED = re.compile(r"^sha256-([0-9a-f]{64})$")


def check_image_id(image_id: str) -> str:
    """The id itself, when it is one. Raises `InvalidId`."""
    if not _is_id(image_id):
        raise InvalidId(
            f"{image_id[:80]!r} is not an image id: use `dataset/name` of letters, digits, "
            "dot, dash and underscore, or `sha256-` and 64 hexadecimal digits."
        )
    return image_id


def check_dataset_name(name: str) -> str:
    """The name itself, when a dataset can have it. Raises `InvalidId`."""
    if "/" in name or name.startswith("sha256-") or not _is_id(name):
        raise InvalidId(
            f"{name[:80]!r} cannot name a dataset: use letters, digits, dot, dash and underscore, "
            "without slash, and do not begin with `sha256-`."
        )
    return name


def uploaded_id(sha256: str) -> str:
    """The id of an uploaded image, from the sha256 (hex) of its bytes."""
    return f"sha256-{sha256}"


def _is_id(text: str) -> bool:
    return len(text) <= 512 and bool(re.fullmatch(IMAGE_ID, text)) and ".." not in text


class Image(Wire):
    """An image the service knows."""

    id: str
    sha256: str
    """Of the file's bytes, hex."""
    bytes: int
    format: str
    """`jpeg`, `png`, `webp`, `tiff` or `bmp`."""
    width: int
    """As shown, that is after the EXIF orientation was applied."""
    height: int
    channels: int
    bit_depth: int
    dataset: str | None = None
    truth_sha256: str | None = None
    """Of the annotated mask's canonical PNG, when there is one."""
    created_at: datetime
    content_url: str | None = None
    truth_url: str | None = None
    thumbnail_url: str | None = None


class ImagePage(Page):
    """A page of images, in id order."""

    images: list[Image]
    offset: int | None = None
    """How many images come before this page, where they are counted."""
    total: int | None = None
    """How many images all pages have; null where they are searched for and not counted."""


class CatalogueEntry(Wire):
    """One image of a dataset, its bytes already uploaded."""

    name: ImageId
    sha256: str = Field(pattern=SHA256)
    truth_sha256: str | None = Field(None, pattern=SHA256)


class Dataset(Wire):
    """A named set of catalogued images."""

    name: str
    images: int
    with_truth: int


class Hashes(Wire):
    """A list of sha256, hex."""

    sha256: list[str] = Field(max_length=10_000)


class UploadResult(Wire):
    """What became of one uploaded file: `image`, or `error`."""

    filename: str | None = None
    image: Image | None = None
    error: dict[str, object] | None = None
