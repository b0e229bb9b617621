"""The files of a form, each handled on its own: a refused file does not affect the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from api.bodies.multipart import receive_form
from api.bodies.uploads import Upload, temporary_folder
from roadmask.errors import RoadmaskError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FormFile(Generic[T]):
    """One file of a form: what `add` returned for it, or its error as a problem document."""

    filename: str | None
    added: T | None = None
    error: dict[str, object] | None = None


async def add_form_files(
    request: Request,
    response: Response,
    limit: int,
    add_all: Callable[[Sequence[Upload]], Sequence[T | RoadmaskError]],
) -> list[FormFile[T]]:
    """Receive a form, and add its files of at most `limit` bytes.

    `add_all` returns for each file its result or the error that refuses it. The status is 207 if
    files are refused. Raises the error of the only file of a form, and every error with a status
    from 500 on.
    """
    with temporary_folder() as folder:
        form = await receive_form(request, folder, limit)
        results = await run_in_threadpool(add_all, form.files)
    errors = [result for result in results if isinstance(result, RoadmaskError)]
    if errors and len(results) == 1:
        raise errors[0]
    if errors:
        response.status_code = 207
    return [
        FormFile(file.filename, error=result.problem())
        if isinstance(result, RoadmaskError)
        else FormFile(file.filename, result)
        for file, result in zip(form.files, results, strict=True)
    ]


def each_alone(add: Callable[[Upload], T], files: Iterable[Upload]) -> list[T | RoadmaskError]:
    """Call `add` for each file. Returns for each the result, or the error that refuses the file.

    Raises errors with a status from 500 on.
    """
    return [_result(add, file) for file in files]


def _result(add: Callable[[Upload], T], file: Upload) -> T | RoadmaskError:
    try:
        file.check_complete()
        return add(file)
    except RoadmaskError as error:
        if error.status >= 500:
            raise
        return error
