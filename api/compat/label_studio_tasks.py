"""Label Studio's requests: a project's labelling configuration, and the images of its tasks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from pydantic import BaseModel, ConfigDict, Field

from api.bodies.uploads import UploadWriter
from api.compat.base64_file import DATA_URI_BYTES, write_base64
from api.services.images import ImageService
from roadmask.errors import InvalidRequest
from roadmask.schemas.ids import check_image_id, uploaded_id
from roadmask.schemas.images import Image
from roadmask.settings import Settings
from storage.access.caller import Caller
from storage.catalogue.catalogue import Catalogue

SHA256 = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
MAX_TASKS = 1000
"""Tasks of one request. Label Studio sends 100."""
IMAGE_PATH = re.compile(r"/v1/images/(.+?)(?:/content|/thumbnail)?/?")


class LabelStudioTask(BaseModel):
    """A task of Label Studio. Only its data matter here."""

    model_config = ConfigDict(extra="ignore")

    id: int | None = None
    data: dict[str, Any] = {}


class PredictRequest(BaseModel):
    """Label Studio's request for predictions."""

    model_config = ConfigDict(extra="ignore")

    tasks: list[LabelStudioTask] = Field(max_length=MAX_TASKS)
    label_config: str | None = None
    """The project's labelling configuration, XML."""


@dataclass(frozen=True, slots=True)
class LabelingConfig:
    """The parts of a project's labelling configuration that predictions refer to."""

    from_name: str = "tag"
    to_name: str = "image"
    data_key: str = "image"
    """The key of the image in the data of a task."""
    labels: frozenset[str] = frozenset()
    """Labels of the brush; empty if they are unknown, so that all are allowed."""
    with_confidence: bool = False
    """Whether each prediction has a score, which costs more time in the worker."""

    @classmethod
    def parse(cls, config: str | None) -> LabelingConfig:
        """Parse the project's XML. Raises `InvalidRequest` unless it has a brush over an image."""
        if not config or not config.strip():
            return cls()
        # Anywhere in the text, because only a parser can tell whether it is inside a comment.
        if "<!DOCTYPE" in config:
            raise InvalidRequest("The labelling configuration has a document type. Remove it.")
        try:
            root = ElementTree.fromstring(config)
        except ElementTree.ParseError as error:
            raise InvalidRequest(f"The labelling configuration is no XML: {error}.") from None
        brush = root.find(".//BrushLabels")
        to_name = brush.get("toName", "") if brush is not None else ""
        image = next((i for i in root.iter("Image") if i.get("name") == to_name), None)
        if brush is None or image is None:
            raise InvalidRequest(
                "The labelling configuration needs <Image>, and <BrushLabels> for it, because "
                "masks become brush strokes."
            )
        labels = frozenset(label.get("value", "") for label in brush.iter("Label"))
        key = image.get("value", "").removeprefix("$")
        # The protocol passes no other options of a project. Label Studio's own backends use
        # `model_…` attributes for them, too.
        with_confidence = brush.get("model_confidence", "").lower() == "true"
        return cls(brush.get("name", ""), to_name, key, labels, with_confidence)


class TaskImages:
    """Finds the image of each task. Nothing is fetched from other hosts."""

    def __init__(
        self, settings: Settings, catalogue: Catalogue, images: ImageService, caller: Caller
    ) -> None:
        self._caller = caller
        self._max_bytes = settings.max_upload_bytes
        self._hosts = {
            "",
            urlsplit(settings.public_url).netloc,
            urlsplit(settings.minio_public_url).netloc,
            settings.minio_endpoint,
        }
        self._catalogue = catalogue
        self._images = images

    def find(self, task: LabelStudioTask, key: str, folder: Path) -> Image:
        """The image that the task's data names under `key`.

        The value is an image id, a URL of this service or its object store, or a data URI. In
        exports of this service, `image_id` stands beside another URL and takes precedence. Raises
        `ImageNotFound`, `InvalidRequest`, and the errors of `ImageService.add`.
        """
        value = task.data.get("image_id") or task.data.get(key)
        if not isinstance(value, str) or not value:
            raise InvalidRequest(f"The task's data has no text under {key!r}.")
        if value.startswith("data:"):
            return self._add(value.encode(), folder)
        return self._catalogue.get(self._image_id(value))

    def _add(self, data_uri: bytes, folder: Path) -> Image:
        writer = UploadWriter(folder / "image", self._max_bytes)
        try:
            if not (prefix := DATA_URI_BYTES.match(data_uri)):
                raise InvalidRequest("The task's data URI is not in base64.")
            write_base64(memoryview(data_uri)[prefix.end() :], writer)
        except ValueError:
            raise InvalidRequest("The task's data URI is not valid base64.") from None
        finally:
            upload = writer.finish()
        return self._images.add(upload, self._caller)[0]

    def _image_id(self, value: str) -> str:
        try:
            url = urlsplit(value)
        except ValueError:
            raise InvalidRequest("The task's image is a malformed URL.") from None
        if not url.scheme and not url.netloc and not value.startswith("/"):
            return check_image_id(value)
        path = unquote(url.path)
        if url.netloc in self._hosts:
            if by_id := IMAGE_PATH.fullmatch(path):
                return check_image_id(by_id[1])
            if by_hash := SHA256.search(path):
                return uploaded_id(by_hash[0])
        raise InvalidRequest(
            "This service does not fetch URLs of other hosts. Give each image as an id of its "
            "catalogue, a URL of this service or a data URI. `roadmask ingest` adds a folder to "
            "the catalogue."
        )
