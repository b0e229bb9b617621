"""The image in a `/rest/` body, as notebooks send it: a file in base64, or nested lists of pixels.

As Python objects, lists would take about 90 bytes per pixel. So the body is a file that is mapped
into memory, and the image is parsed in place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from api.bodies.uploads import Upload, UploadWriter, too_large
from api.compat.base64_file import DATA_URI_BYTES, write_base64
from roadmask.errors import InvalidRequest
from roadmask.images.decoding import encode_png

MAX_LISTS_BYTES = 48 * 2**20
"""Longest text of nested lists, enough for 2048x1024 pixels."""
MEMBER = re.compile(rb'\s*\{\s*"image"\s*:\s*')
LISTS_END = re.compile(rb"\]\s*\]\s*\]")
EXPECTED = (
    'Send {"image": …} and nothing else: an image file in base64, or lists '
    "of H rows of W pixels of 3 numbers (red, green, blue), each 0 to 255."
)


@dataclass(frozen=True, slots=True)
class RestImage:
    """The image of a body."""

    upload: Upload
    """The image as a file."""
    start: int
    stop: int
    """The image's text is `body[start:stop]`."""
    is_lists: bool


def read_rest_image(body: Path, folder: Path, limit: int) -> RestImage:
    """The image of the JSON file `body`, written to `folder` and cut off beyond `limit` bytes.

    Raises `InvalidRequest`, and `UploadTooLarge` for lists beyond `MAX_LISTS_BYTES`.
    """
    if body.stat().st_size == 0:
        raise InvalidRequest(EXPECTED)
    with body.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as text:
        start, stop = _value(text)
        is_lists = text[start : start + 1] == b"["
        writer = UploadWriter(folder / "image", limit)
        try:
            if is_lists:
                writer.write(encode_png(read_lists(text[start:stop])))
            else:
                _decode_base64(text, start + 1, stop - 1, writer)
        finally:
            upload = writer.finish()
    return RestImage(upload, start, stop, is_lists)


def read_lists(text: bytes) -> NDArray[np.uint8]:
    """The pixels of a JSON array of arrays of arrays: RGB uint8 (H, W, 3), fractions rounded.

    Raises `InvalidRequest` for any other shape, and for numbers outside 0 to 255.
    """
    skeleton = text.translate(None, b"0123456789.+-eE \t\r\n")
    row_length = skeleton.find(b"]]") + 1
    width, height = (row_length - 1) // 5, (len(skeleton) - 1) // (row_length + 1)
    row = b"[" + b",".join([b"[,,]"] * width) + b"]"
    if skeleton != b"[" + b",".join([row] * height) + b"]":
        raise InvalidRequest(EXPECTED)
    blanks = bytes.maketrans(b"[]", b"  ")
    try:
        numbers = np.fromstring(text.translate(blanks), np.float32, sep=",")
    except (ValueError, DeprecationWarning):
        raise InvalidRequest(EXPECTED) from None
    if numbers.size != height * width * 3 or not (numbers.min() >= 0 and numbers.max() <= 255):
        raise InvalidRequest(EXPECTED)
    return np.rint(numbers).astype(np.uint8).reshape(height, width, 3)


def _value(text: mmap) -> tuple[int, int]:
    """The start and the end of the only member's value."""
    member = MEMBER.match(text)
    start = member.end() if member else 0
    stop = 0
    if text[start : start + 1] == b'"':
        stop = text.find(b'"', start + 1) + 1
    elif text[start : start + 1] == b"[":
        end = LISTS_END.search(text, start)
        stop = end.end() if end else 0
        if stop - start > MAX_LISTS_BYTES:
            raise too_large(MAX_LISTS_BYTES, "image as lists (base64 of a file may be larger)")
    if not member or not stop or text[stop : stop + 100].strip() != b"}":
        raise InvalidRequest(EXPECTED)
    return start, stop


def _decode_base64(text: mmap, start: int, stop: int, writer: UploadWriter) -> None:
    if uri := DATA_URI_BYTES.match(text, start, stop):
        start = uri.end()
    with memoryview(text) as view:
        letters = view[start:stop]
        if text.find(b"\\", start, stop) >= 0:
            # Escaped line breaks or slashes are rare. Removing them costs a copy.
            plain = bytes(letters).replace(b"\\r", b"").replace(b"\\n", b"")
            letters = memoryview(plain.replace(b"\\/", b"/"))
        with letters:
            try:
                write_base64(letters, writer)
            except ValueError:
                raise InvalidRequest(EXPECTED) from None
