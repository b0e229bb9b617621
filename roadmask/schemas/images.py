"""Images and datasets as JSON."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from roadmask.schemas.ids import MAX_ID, SHA256, ImageId
from roadmask.schemas.pixels import ParsedPixels, ParsedRequestedPixels
from roadmask.schemas.wire import Page, Request, Wire


class Image(Wire):
    """An image in the service."""

    id: str
    sha256: str
    """Of the file's bytes, hex."""
    bytes: int
    format: str
    """`jpeg`, `png`, `webp`, `tiff`, `bmp`, `heic` or `avif`."""
    width: int
    """After the EXIF orientation is applied, like `height`."""
    height: int
    channels: int
    bit_depth: int
    dataset: str | None = None
    filename: str | None = None
    """Path of the file below its folder when it was put into a dataset, or name of the file that
    was uploaded in a form; null if none was given."""
    pixels: ParsedPixels = None
    """What its deep, raw or thermal samples mean, if its dataset says so. Jobs over it take this
    unless they say otherwise."""
    truth_sha256: str | None = None
    """Of the annotated mask's canonical PNG, if there is one."""
    earlier_truths: list[str] = Field(default_factory=list)
    """sha256 of the annotated masks that were replaced by corrections, the oldest first."""
    created_at: datetime
    content_url: str | None = None
    truth_url: str | None = None
    thumbnail_url: str | None = None


class ImagePage(Page):
    """A page of images, in id order."""

    images: list[Image]
    offset: int | None = None
    """Number of images before this page, if they are counted."""
    total: int | None = None
    """Number of images on all pages; null for a search, where they are not counted."""


class CatalogueEntry(Request):
    """One image of a dataset, whose bytes are already uploaded."""

    name: ImageId
    sha256: str = Field(pattern=SHA256)
    truth_sha256: str | None = Field(None, pattern=SHA256)
    filename: str | None = Field(None, min_length=1, max_length=MAX_ID)
    """Path of the file below its folder, with its suffix. It becomes the `custom_id` of items."""
    pixels: ParsedRequestedPixels = None
    """What deep, raw or thermal samples mean, for jobs that do not say it."""


class Dataset(Wire):
    """A named set of catalogued images."""

    name: str
    images: int
    with_truth: int
    latest_job: str | None = None
    """The latest job that went through it, by whose results `GET /v1/images` filters and sorts."""


class Hashes(Wire):
    """A list of sha256 digests, hex."""

    sha256: list[str] = Field(max_length=10_000)


class HashQuery(Hashes, Request):
    """A list of sha256 digests, hex, of which some may be missing."""


class UploadResult(Wire):
    """The result of one uploaded file: `image`, or `error`."""

    filename: str | None = None
    image: Image | None = None
    error: dict[str, object] | None = None
