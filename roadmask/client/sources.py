"""Sources: pictures as people have them, made into files that can be uploaded."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from roadmask.client.transport import Transport
from roadmask.errors import ImageUnreadable, InvalidRequest, UploadTooLarge
from roadmask.hashing import sha256_of, sha256_of_file
from roadmask.images.colors.icc import to_srgb
from roadmask.images.stems import below_common_folder
from roadmask.schemas.ids import MAX_ID

Source = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | NDArray[Any] | Image.Image
)
"""An image: a path, an http(s) URL, the bytes of a file, an open binary file, an array or a Pillow
image.

An array is uint8 or uint16 of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): grey, RGB or RGBA in
this order. Alpha is dropped. Arrays and Pillow images are uploaded as PNG, without loss; the EXIF
orientation of a Pillow image is applied, and its colours are converted to sRGB by its ICC profile.
"""

MAX_FETCHED_BYTES = 256 * 2**20
"""Size of a picture that is fetched from a URL. The service has a limit of its own."""
GREY_MODES = frozenset({"1", "L", "LA"})
"""Modes of Pillow that have one channel and perhaps alpha, of at most 8 bits."""
_UNREADABLE = (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError)
"""What Pillow raises for damaged and closed images, and for modes that it does not convert."""
FETCH_S = 300.0
"""Time in which a picture must have been fetched, seconds. Silence is limited by `timeout`."""


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A file that can be uploaded: its bytes or its path, and how its owner calls it."""

    body: bytes | Path
    name: str | None = None

    def sha256(self) -> str:
        """The sha256 of its bytes, hex."""
        return sha256_of(self.body) if isinstance(self.body, bytes) else sha256_of_file(self.body)

    @property
    def path(self) -> Path | None:
        """The path of a file on disk."""
        return self.body if isinstance(self.body, Path) else None


async def read_source(source: Source, transport: Transport) -> UploadFile:
    """The file to upload for a source.

    A URL is fetched by the client, without the service's API key. Raises `InvalidRequest` for an
    array of another shape or type and for a file that is open as text, `ImageUnreadable` for a URL
    that cannot be fetched and for a damaged Pillow image, and `UploadTooLarge`.
    """
    if isinstance(source, str) and source.lower().startswith(("http://", "https://")):
        return UploadFile(await _fetch(source, transport), _name_in(source))
    if isinstance(source, str | os.PathLike):
        return UploadFile(Path(source), Path(source).name)
    if isinstance(source, bytes | bytearray | memoryview):
        return UploadFile(bytes(source))
    return await transport.offload(partial(_encode, source))


def sources_of(files: Source | Iterable[Source]) -> Iterable[Source]:
    """The sources themselves, where one may be given without a list around it."""
    alone = isinstance(
        files, str | os.PathLike | bytes | bytearray | memoryview | np.ndarray | Image.Image
    )
    return [files] if alone or hasattr(files, "read") else files  # type: ignore[list-item,return-value]


def client_names(files: Sequence[UploadFile]) -> list[str | None]:
    """The names of the items of these files, of which no two files on disk have the same.

    A file on disk has its path below the folder that all of them are in. None for a file without a
    name, or with one that the service would refuse.
    """
    on_disk = [Path(os.path.abspath(file.path)) for file in files if file.path]
    names = iter(below_common_folder(on_disk))
    return [client_name(next(names) if file.path else file.name) for file in files]


def client_name(name: str | None) -> str | None:
    """A file's name as the `custom_id` of an item, or None for one that the service refuses."""
    try:
        (name or "").encode()
    except UnicodeEncodeError:
        return None
    return name if name and len(name) <= MAX_ID else None


def encode_array(pixels: Any) -> bytes:
    """An array as PNG; `Source` says which ones. Raises `InvalidRequest` for any other."""
    import cv2

    array = np.asarray(pixels)
    # Deep samples of files are often in the other order of bytes.
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    depth = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or depth not in (1, 3, 4) or array.size == 0:
        raise InvalidRequest(
            "An image is an array of shape (H, W), (H, W, 3) or (H, W, 4), with the channels last; "
            f"this one has shape {array.shape}. Send the images of a stack one by one."
        )
    if array.dtype not in (np.uint8, np.uint16):
        raise InvalidRequest(
            f"An image is an array of uint8 or uint16; this one is {array.dtype}. Scale its values "
            "to 0..255, round them, and convert them with `.astype(numpy.uint8)`."
        )
    stored = np.ascontiguousarray(array[..., 2::-1] if depth > 1 else array)
    _, png = cv2.imencode(".png", stored, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return bytes(png)


def _encode(source: Any) -> UploadFile:
    if isinstance(source, Image.Image):
        name = getattr(source, "filename", "")
        return UploadFile(_encode_picture(source), Path(name).name if name else None)
    if hasattr(source, "read"):
        data = source.read()
        if isinstance(data, str):
            raise InvalidRequest('The file is open as text. Open it with `open(path, "rb")`.')
        name = getattr(source, "name", None)
        return UploadFile(bytes(data), Path(name).name if isinstance(name, str) else None)
    if hasattr(source, "__array__"):
        return UploadFile(encode_array(source))
    raise InvalidRequest(
        "An image is given as a path, a URL, bytes, an open file, a NumPy array or a Pillow image, "
        f"not as {type(source).__name__}."
    )


def _encode_picture(picture: Image.Image) -> bytes:
    """A Pillow image as it is shown, as PNG of 8 bits or, of grey, 16.

    Raises `ImageUnreadable` for an image that Pillow cannot load or convert, and `InvalidRequest`
    for one of unknown range.
    """
    try:
        picture = _turned(picture)
        found = picture.info.get("icc_profile")
        profile = found if isinstance(found, bytes) else None
        if picture.mode.startswith("I"):
            deep = np.asarray(picture)
            if deep.min(initial=0) >= 0 and deep.max(initial=0) < 2**16:
                return _encode_deep(deep.astype(np.uint16), profile)
        if picture.mode in ("I", "F"):
            raise InvalidRequest(
                f"The Pillow image has mode {picture.mode}, whose range is not known. Scale its "
                "values to 0..255 and convert it to mode L or RGB."
            )
        is_grey = profile is not None and picture.mode in GREY_MODES
        pixels = np.asarray(picture.convert("L" if is_grey else "RGB"))
    except _UNREADABLE as error:
        raise ImageUnreadable(f"Pillow cannot read the pixels of its image ({error}).") from error
    return encode_array(pixels if profile is None else to_srgb(pixels, profile))


def _encode_deep(pixels: NDArray[np.uint16], profile: bytes | None) -> bytes:
    """Grey of 16 bits as PNG. The service applies the profile, as it does to the file of such an
    image: the depth that the samples have must be known first.
    """
    if profile is None:
        return encode_array(pixels)
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG", compress_level=1, icc_profile=profile)
    return png.getvalue()


def _turned(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError):
        # Its EXIF data are damaged. Every viewer shows such a picture as it is stored.
        picture.load()
        return picture


async def _fetch(url: str, transport: Transport) -> bytes:
    """The bytes at a URL."""
    place = _without_secrets(url)
    received, deadline = bytearray(), time.monotonic() + FETCH_S
    try:
        async with aclosing(transport.foreign_blocks(url)) as blocks:
            async for block in blocks:
                received += block
                if len(received) > MAX_FETCHED_BYTES:
                    raise UploadTooLarge(
                        f"{place} has more than {MAX_FETCHED_BYTES:,} bytes, which is the limit."
                    )
                if time.monotonic() > deadline:
                    raise ImageUnreadable(
                        f"{place} was not received within {FETCH_S:g} s. Download it first."
                    )
    except httpx.HTTPStatusError as error:
        response = error.response
        raise ImageUnreadable(
            f"{place} cannot be fetched: the answer is {response.status_code} "
            f"{response.reason_phrase}. Check the address."
        ) from None
    except (httpx.RequestError, httpx.InvalidURL) as error:
        cause = str(error) or type(error).__name__
        raise ImageUnreadable(f"{place} cannot be fetched ({cause}). Check the address.") from None
    return bytes(received)


def _name_in(url: str) -> str | None:
    return PurePosixPath(unquote(urlsplit(url).path)).name or None


def _without_secrets(url: str) -> str:
    """The URL without user, password and query, which may hold secrets."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ImageUnreadable(
            f"The address of the picture cannot be fetched: it is malformed ({error})."
        ) from None
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
