"""Long lists of images: JSON lines that are spooled to disk and read one by one.

A million ids as one JSON body would be hundreds of megabytes of Python objects. Here the first line
is the job, and each line after it one image of it; no more than a few lines are ever in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from fastapi import Request
from pydantic import TypeAdapter

from api.bodies import parse
from api.openapi import LINES
from roadmask.errors import InvalidRequest
from roadmask.jobs import ImageRef, JobCreate

MAX_BYTES = 2**30
"""Of a whole list: more than five million ids of usual length."""
LONGEST_LINE = 16 * 2**10
"""Bytes of one line."""

JOB = TypeAdapter(JobCreate)
IMAGE = TypeAdapter(ImageRef)
T = TypeVar("T")


def is_listing(request: Request) -> bool:
    """Whether the request's body is a list of JSON lines."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == LINES


def read_job(path: Path) -> JobCreate:
    """The job of a list: its first line. Raises `InvalidRequest`."""
    with path.open("rb") as file:
        job = _line(file, 1, JOB)
    if job is None:
        raise InvalidRequest("The list is empty: its first line is the job, such as `{}`.")
    if job.images or job.dataset or job.prefix:
        raise InvalidRequest("In a list the lines after the first are the images: name no others.")
    return job


def read_images(path: Path) -> Iterator[ImageRef]:
    """The images of a list, as they are taken. Raises `InvalidRequest` that names the line."""
    with path.open("rb") as file:
        file.readline(LONGEST_LINE)
        number = 2
        while (image := _line(file, number, IMAGE)) is not None:
            yield image
            number += 1


def _line(file: BinaryIO, number: int, adapter: TypeAdapter[T]) -> T | None:
    """The next line, None at the end."""
    line = file.readline(LONGEST_LINE + 1)
    if not line:
        return None
    if len(line) > LONGEST_LINE:
        raise InvalidRequest(f"Line {number} has more than {LONGEST_LINE:,} bytes.")
    try:
        return parse(adapter, line)
    except InvalidRequest as error:
        raise InvalidRequest(f"Line {number}: {error.detail}") from None
