"""Long lists of images: JSON lines that are written to disk and read one by one.

A million ids in one JSON body would become hundreds of megabytes of Python objects. In JSON lines
the first line is the job and each line after it is an image; only a few lines are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from fastapi import Request
from pydantic import TypeAdapter

from api.bodies.json_body import JOB_CREATE, parse_json
from roadmask.errors import InvalidRequest
from roadmask.schemas.jobs import ImageRef, JobCreate
from roadmask.schemas.media_types import NDJSON, media_type

MAX_NDJSON_BYTES = 2**30
"""Size of a whole list: more than five million ids of usual length."""
MAX_LINE_BYTES = 16 * 2**10

IMAGE = TypeAdapter(ImageRef)
T = TypeVar("T")


def is_ndjson(request: Request) -> bool:
    """Whether the request's body is JSON lines."""
    return media_type(request.headers.get("content-type")) == NDJSON


def read_job(path: Path) -> JobCreate:
    """The job of the first line. Raises `InvalidRequest`."""
    with path.open("rb") as file:
        job = _line(file, 1, JOB_CREATE)
    if job is None:
        raise InvalidRequest("The list is empty. Its first line is the job, such as `{}`.")
    if job.images or job.dataset or job.prefix:
        raise InvalidRequest(
            "The lines after the first are the images: leave out `images`, `dataset` and `prefix`."
        )
    return job


def read_images(path: Path) -> Iterator[ImageRef]:
    """The images of the other lines, read lazily. Raises `InvalidRequest` that names the line."""
    with path.open("rb") as file:
        file.readline(MAX_LINE_BYTES)
        number = 2
        while (image := _line(file, number, IMAGE)) is not None:
            yield image
            number += 1


def _line(file: BinaryIO, number: int, adapter: TypeAdapter[T]) -> T | None:
    """The next line, parsed; None at the end."""
    line = file.readline(MAX_LINE_BYTES + 1)
    if not line:
        return None
    if len(line) > MAX_LINE_BYTES:
        raise InvalidRequest(f"Line {number} has more than {MAX_LINE_BYTES:,} bytes.")
    try:
        return parse_json(adapter, line)
    except InvalidRequest as error:
        raise InvalidRequest(f"Line {number}: {error.detail}") from None
