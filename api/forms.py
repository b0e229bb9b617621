"""Multipart forms with files, received without holding a file in memory.

Starlette's own parser puts no limit on a file's size. This one, on the same `python-multipart`,
does; and a file beyond it is cut off alone, so that its neighbours still arrive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool

from api.uploads import Spool, Upload, blocks, refuse_encoding
from roadmask.errors import InvalidRequest

MAX_FILES = 1000
MAX_FORM_BYTES = 2 * 2**30
"""Of a whole form. Larger sets go file by file (`roadmask batch`, or PUT)."""
MAX_TEXT_BYTES = 64 * 2**10
"""Of all fields that are not files together, with their names."""


@dataclass
class Form:
    """What came: files in their order, and text fields by name."""

    files: list[Upload] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


def is_form(request: Request) -> bool:
    """Whether the request's body is a multipart form."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


async def receive_form(request: Request, folder: Path, limit: int) -> Form:
    """Receive the form, its files in `folder`, each cut off beyond `limit` bytes.

    Raises `InvalidRequest` for a malformed or too long form, or one without files.
    """
    refuse_encoding(request)
    _, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if not is_form(request) or not boundary:
        raise InvalidRequest("Send the files as multipart/form-data, each as a part `files`.")
    reader = _FormReader(folder, limit)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": reader.begin_part,
                "on_header_field": reader.header_name,
                "on_header_value": reader.header_value,
                "on_header_end": reader.end_header,
                "on_headers_finished": reader.open_part,
                "on_part_data": reader.part_data,
                "on_part_end": reader.end_part,
                "on_end": reader.end_form,
            },
        )
        async for block in blocks(request, MAX_FORM_BYTES):
            await run_in_threadpool(parser.write, block)
    except FormParserError as error:
        raise InvalidRequest("The multipart form is malformed.") from error
    finally:
        reader.close()
    if not reader.complete:
        raise InvalidRequest("The multipart form ends too early: its last boundary is missing.")
    if not reader.form.files:
        raise InvalidRequest("The form has no file. Send each image as a part `files`.")
    return reader.form


class _FormReader:
    """Turns the parser's callbacks into a `Form`."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.form = Form()
        self.complete = False
        self._folder = folder
        self._limit = limit
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        self._spool: Spool | None = None
        self._name = ""
        self._text = bytearray()
        self._text_room = MAX_TEXT_BYTES

    def begin_part(self) -> None:
        self._disposition = b""
        self._text = bytearray()

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def end_header(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = (bytearray(), bytearray())

    def open_part(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        filename = options.get(b"filename")
        if filename is None:
            # Many fields of no value would take memory too.
            self._take_text(len(self._disposition))
            return
        number = len(self.form.files)
        if number >= MAX_FILES:
            raise InvalidRequest(
                f"The form has more than {MAX_FILES} files. Send them one by one, then the job."
            )
        shown = filename.decode("utf-8", "replace") or None
        self._spool = Spool(self._folder / f"{number:04d}", self._limit, shown)

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if self._spool is not None:
            self._spool.write(memoryview(data)[start:end])
            return
        self._take_text(end - start)
        self._text.extend(data[start:end])

    def end_part(self) -> None:
        if self._spool is not None:
            self.form.files.append(self._spool.finish())
            self._spool = None
        else:
            self.form.texts[self._name] = self._text.decode("utf-8", "replace")

    def _take_text(self, size: int) -> None:
        self._text_room -= size
        if self._text_room < 0:
            raise InvalidRequest(f"The form's text fields have over {MAX_TEXT_BYTES:,} bytes.")

    def end_form(self) -> None:
        self.complete = True

    def close(self) -> None:
        if self._spool is not None:
            self._spool.finish()
