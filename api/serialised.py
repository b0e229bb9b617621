"""An image serialised in JSON, as notebooks send them: a file in base64, or nested lists of pixels.

Neither becomes Python objects, which would take some ninety bytes for each pixel: the body is a
file that is mapped into memory, and its value is read where it stands.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from api.uploads import Spool, Upload, too_large
from roadmask.errors import InvalidRequest
from roadmask.pixels import encode_png

MAX_LISTS_BYTES = 48 * 2**20
"""Longest text of nested lists: 2048x1024 pixels and some more."""
STEP = 2**20
"""Characters of base64 decoded at once; a multiple of four."""
MEMBER = re.compile(rb'\s*\{\s*"image"\s*:\s*')
DATA_URI = re.compile(rb"data:[\w/+.-]{1,100};base64,")
LISTS_END = re.compile(rb"\]\s*\]\s*\]")
EXPECTED = (
    'Send {"image": …} and nothing else: a JPEG, PNG, WebP, TIFF or BMP file in base64, or lists '
    "of H rows of W pixels of 3 numbers (red, green, blue), each 0 to 255."
)


@dataclass(frozen=True, slots=True)
class Serialised:
    """The image of a body: the file made of it, and where its own text stands in the body."""

    upload: Upload
    start: int
    stop: int
    is_lists: bool


def read_serialised(body: Path, folder: Path, limit: int) -> Serialised:
    """The image of the JSON file `body`, as a file in `folder`; beyond `limit` bytes it is cut off.

    Raises `InvalidRequest`, and `UploadTooLarge` for lists beyond `MAX_LISTS_BYTES`.
    """
    if body.stat().st_size == 0:
        raise InvalidRequest(EXPECTED)
    with body.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as text:
        start, stop = _value(text)
        is_lists = text[start : start + 1] == b"["
        spool = Spool(folder / "image", limit)
        try:
            if is_lists:
                spool.write(encode_png(read_lists(text[start:stop])))
            else:
                _decode(text, start + 1, stop - 1, spool)
        finally:
            upload = spool.finish()
    return Serialised(upload, start, stop, is_lists)


def read_lists(text: bytes) -> NDArray[np.uint8]:
    """The pixels of a JSON array of arrays of arrays: RGB uint8 (H, W, 3), fractions rounded.

    Raises `InvalidRequest` for another shape or numbers beyond 0 to 255.
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


def write_base64(letters: memoryview, spool: Spool) -> None:
    """Write the bytes that base64 text stands for. Raises `ValueError` when it is none."""
    for offset in range(0, len(letters), STEP):
        part = bytes(letters[offset : offset + STEP])
        spool.write(binascii.a2b_base64(part, strict_mode=True))


def _value(text: mmap) -> tuple[int, int]:
    """Where the value of the only member begins and ends."""
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


def _decode(text: mmap, start: int, stop: int, spool: Spool) -> None:
    if uri := DATA_URI.match(text, start, stop):
        start = uri.end()
    with memoryview(text) as view:
        letters = view[start:stop]
        if text.find(b"\\", start, stop) >= 0:
            # Lines broken as in a mail, or slashes escaped: both are rare, and cost a copy.
            letters = memoryview(bytes(letters).replace(b"\\n", b"").replace(b"\\/", b"/"))
        with letters:
            try:
                write_base64(letters, spool)
            except ValueError:
                raise InvalidRequest(EXPECTED) from None
