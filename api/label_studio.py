"""Label Studio's tasks: which image of ours each one means, and what its project calls things."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from pydantic import BaseModel, ConfigDict

from api.backends import Backends
from api.intake import keep_image
from api.serialised import write_base64
from api.uploads import Spool
from roadmask.errors import InvalidRequest
from roadmask.images import Image, check_image_id, uploaded_id

SHA256 = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
IMAGE_PATH = re.compile(r"/v1/images/(.+?)(?:/content|/thumbnail)?/?")
DATA_URI = re.compile(r"data:[\w/+.-]{1,100};base64,")


class Task(BaseModel):
    """A task as Label Studio sends it; only its data count here."""

    model_config = ConfigDict(extra="ignore")

    id: int | None = None
    data: dict[str, Any] = {}


class PredictRequest(BaseModel):
    """What Label Studio asks an ML backend for predictions with."""

    model_config = ConfigDict(extra="ignore")

    tasks: list[Task]
    label_config: str | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """The names in a project's labelling setup that predictions must use."""

    from_name: str = "tag"
    to_name: str = "image"
    data_key: str = "image"
    labels: frozenset[str] = frozenset()
    """Labels of the brush; empty: not known, so all."""
    scored: bool = False
    """Each prediction says how sure the model is of it, which costs the worker more time."""

    @classmethod
    def read(cls, config: str | None) -> Setup:
        """From the project's XML. Raises `InvalidRequest` when it has no brush over an image."""
        if not config or not config.strip():
            return cls()
        # Wherever it stands: what looks like a comment around it need not be one.
        if "<!DOCTYPE" in config:
            raise InvalidRequest("The labelling setup declares a document type. Leave that out.")
        try:
            root = ElementTree.fromstring(config)
        except ElementTree.ParseError as error:
            raise InvalidRequest(f"The labelling setup is no XML: {error}.") from None
        brush = root.find(".//BrushLabels")
        to_name = brush.get("toName", "") if brush is not None else ""
        image = next((i for i in root.iter("Image") if i.get("name") == to_name), None)
        if brush is None or image is None:
            raise InvalidRequest(
                "The labelling setup needs <Image> and <BrushLabels> for it: masks are brush "
                "strokes there."
            )
        labels = frozenset(label.get("value", "") for label in brush.iter("Label"))
        key = image.get("value", "").removeprefix("$")
        # The protocol passes on nothing else of the project's own at each call: Label Studio's
        # backends, too, are told by `model_…` attributes what a project wants of them.
        scored = brush.get("model_confidence", "").lower() == "true"
        return cls(brush.get("name", ""), to_name, key, labels, scored)


def resolve(backends: Backends, task: Task, key: str, folder: Path) -> Image:
    """The image that a task means; nothing is fetched.

    By an id of ours, a URL of this service or its object store, or inline as a data URI. A task may
    say the id in `image_id` beside another URL, as our own exports do. Raises `ImageNotFound`,
    `InvalidRequest`, and what `keep_image` raises.
    """
    value = task.data.get("image_id") or task.data.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"The task's data has no text under {key!r}.")
    if inline := DATA_URI.match(value):
        spool = Spool(folder / "image", backends.settings.max_upload_bytes)
        try:
            write_base64(memoryview(value[inline.end() :].encode()), spool)
        except ValueError:
            raise InvalidRequest("The task's data URI is not valid base64.") from None
        finally:
            upload = spool.finish()
        return keep_image(backends, upload)[0]
    return backends.catalogue.get(_image_id(backends, value))


def _image_id(backends: Backends, value: str) -> str:
    url = urlsplit(value)
    if not url.scheme and not url.netloc and not value.startswith("/"):
        return check_image_id(value)
    settings = backends.settings
    ours = {
        urlsplit(settings.public_url).netloc,
        urlsplit(settings.minio_public_url).netloc,
        settings.minio_endpoint,
    }
    path = unquote(url.path)
    if url.netloc in ours | {""}:
        if named := IMAGE_PATH.fullmatch(path):
            return check_image_id(named[1])
        if hashed := SHA256.search(path):
            return uploaded_id(hashed[0])
    raise InvalidRequest(
        "This service fetches no URLs. Give images as ids of its catalogue, as URLs of it, or "
        "inline as data URIs; `roadmask ingest` brings a folder into the catalogue."
    )
