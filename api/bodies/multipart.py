"""Multipart forms with files, received without holding a file in memory.

Starlette's parser does not limit the size of a file. This parser, also based on `python-multipart`,
does. Only the file that exceeds the limit is cut off, so the other files still arrive.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_to_bytes

from fastapi import Request
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool

from api.bodies.uploads import Upload, UploadWriter, read_blocks
from roadmask.errors import InvalidRequest
from roadmask.schemas.media_types import FORM_DATA, media_type
from roadmask.shown import shown

FILES = "files"
"""Name of each part with a file."""
MAX_FILES = 1000
MAX_FORM_BYTES = 2 * 2**30
"""Size of a whole form. Larger sets are sent file by file (`roadmask batch`, or PUT)."""
MAX_TEXT_BYTES = 64 * 2**10
"""Size of all fields that are not files, together with their names."""


_EXTENDED_FILENAME = re.compile(rb"(?i)filename\*\s*=\s*utf-8'[^']*'([^;\s]+)")


@dataclass
class MultipartForm:
    """A received form: files in their order, and text fields by name."""

    files: list[Upload] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


def is_form(request: Request) -> bool:
    """Whether the request's body is a multipart form."""
    return media_type(request.headers.get("content-type")) == FORM_DATA


async def receive_form(
    request: Request, folder: Path, limit: int, texts: Collection[str] = ()
) -> MultipartForm:
    """Receive the form. Its files are written to `folder`, each cut off beyond `limit` bytes.

    `texts` are the names of the text fields that it may have. Raises `InvalidRequest` for a form
    that is malformed, too long or without files, or has an unknown or a repeated field.
    """
    _, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if not is_form(request):
        raise InvalidRequest("Send the files as multipart/form-data, each as a part `files`.")
    if not boundary:
        raise InvalidRequest(
            "The Content-Type has no boundary. Do not set it: an HTTP library sets it for a form."
        )
    reader = _FormReader(folder, limit, texts)
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
        async for block in read_blocks(request, MAX_FORM_BYTES):
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
    """Turns the parser's callbacks into a `MultipartForm`."""

    def __init__(self, folder: Path, limit: int, texts: Collection[str]) -> None:
        self._known_texts = texts
        self.form = MultipartForm()
        self.complete = False
        self._folder = folder
        self._limit = limit
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        self._writer: UploadWriter | None = None
        self._name = ""
        self._text = bytearray()
        self._text_bytes_left = MAX_TEXT_BYTES

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
        if extended := _EXTENDED_FILENAME.search(self._disposition):
            # .NET and older Python clients send non-ASCII names in this form (RFC 5987).
            filename = unquote_to_bytes(extended[1])
        self._check_name(is_file=filename is not None)
        if filename is None:
            # The header counts, too, because many empty fields would take memory.
            self._count_text(len(self._disposition))
            return
        number = len(self.form.files)
        if number >= MAX_FILES:
            raise InvalidRequest(
                f"The form has more than {MAX_FILES} files. Upload the files one by one, and then "
                "create the job."
            )
        name = filename.decode("utf-8", "replace") or None
        self._writer = UploadWriter(self._folder / f"{number:04d}", self._limit, name)

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if self._writer is not None:
            self._writer.write(memoryview(data)[start:end])
            return
        self._count_text(end - start)
        self._text.extend(data[start:end])

    def end_part(self) -> None:
        if self._writer is not None:
            self.form.files.append(self._writer.finish())
            self._writer = None
        else:
            self.form.texts[self._name] = self._text.decode("utf-8", "replace")

    def _check_name(self, *, is_file: bool) -> None:
        name = shown(self._name[:80])
        if is_file and self._name != FILES:
            raise InvalidRequest(f"The form has a file in the part {name!r}. Send it as `{FILES}`.")
        if not is_file and self._name == FILES:
            raise InvalidRequest(f"A part `{FILES}` has no file name. Give it one.")
        if not is_file and self._name not in self._known_texts:
            raise InvalidRequest(f"The form has an unknown field {name!r}. Leave it out.")
        if self._name in self.form.texts:
            raise InvalidRequest(f"The form has the field {name!r} twice. Send it once.")

    def _count_text(self, size: int) -> None:
        self._text_bytes_left -= size
        if self._text_bytes_left < 0:
            raise InvalidRequest(f"The form's text fields have more than {MAX_TEXT_BYTES:,} bytes.")

    def end_form(self) -> None:
        self.complete = True

    def close(self) -> None:
        if self._writer is not None:
            self._writer.finish()
