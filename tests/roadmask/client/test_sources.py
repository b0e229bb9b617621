"""Pictures as people have them: each form reaches the service with the same pixels."""

from __future__ import annotations

import asyncio
import io
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from roadmask import AsyncClient, Client
from roadmask.client import sources, transport
from roadmask.client.sources import UploadFile, client_names, encode_array
from roadmask.errors import ImageUnreadable, InvalidRequest, UploadTooLarge
from roadmask.images.decoding import decode
from tests.harness.client.stub_server import StubResponse, StubServer, stub_server
from tests.harness.images.api_images import HEIGHT, WIDTH, picture, turned_picture

PIXELS = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EXCHANGED = SRGB.replace(b"rXYZ", b"????", 1).replace(b"bXYZ", b"rXYZ", 1)
EXCHANGED = EXCHANGED.replace(b"????", b"bXYZ", 1)
"""A profile whose red is sRGB's blue."""
_TAGS = struct.pack(">I4sII4sII", 2, b"wtpt", 156, 20, b"kTRC", 176, 12)
_VALUES = SRGB[396:416] + b"curv" + bytes(8)
LINEAR_GREY = struct.pack(">I", 188) + SRGB[4:16] + b"GRAY" + SRGB[20:128] + _TAGS + _VALUES
"""A profile of grey samples that are proportional to light."""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "front 街.png"
    Image.fromarray(PIXELS).save(path)
    return path


def uploaded(client: Client, source: Any) -> np.ndarray:
    """The pixels of the image that the service then has."""
    return decode(client.fetch(str(client.upload(source).content_url)), 10**6)


def test_every_form_has_the_same_pixels(client: Client, photo: Path) -> None:
    with photo.open("rb") as file, Image.open(photo) as opened:
        forms = (
            str(photo),
            photo,
            photo.read_bytes(),
            bytearray(photo.read_bytes()),
            memoryview(photo.read_bytes()),
            file,
            io.BytesIO(photo.read_bytes()),
            PIXELS,
            np.dstack([PIXELS, np.zeros_like(PIXELS[..., 0])]),
            np.asfortranarray(PIXELS),
            PIXELS[::-1][::-1],
            opened,
            Image.fromarray(PIXELS),
        )
        for form in forms:
            assert np.array_equal(uploaded(client, form), PIXELS), type(form)


def test_grey_and_deep_arrays_keep_their_depth(client: Client) -> None:
    for grey in (PIXELS[..., 0], PIXELS[..., :1]):
        assert np.array_equal(uploaded(client, grey), np.repeat(PIXELS[..., :1], 3, axis=2))
    deep = client.upload(PIXELS.astype(np.uint16) * 257)
    assert (deep.bit_depth, deep.channels) == (16, 3)
    assert client.upload((PIXELS.astype(">u2") * 257).astype(">u2")).id == deep.id


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "HSV", "I;16"])
def test_pillow_images_of_every_mode(client: Client, mode: str) -> None:
    image = Image.fromarray(PIXELS[..., 0].astype(np.uint16) << 8)
    if mode != "I;16":
        image = Image.fromarray(PIXELS).convert(mode)
        assert np.array_equal(uploaded(client, image), np.asarray(image.convert("RGB")))
    else:
        assert client.upload(image).bit_depth == 16


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_the_profile_of_a_pillow_image_is_used_as_that_of_its_file(
    client: Client, mode: str
) -> None:
    buffer = io.BytesIO()
    profile = LINEAR_GREY if mode.startswith("L") else EXCHANGED
    Image.fromarray(PIXELS).convert(mode).save(buffer, "PNG", icc_profile=profile)
    shown = decode(buffer.getvalue(), 10**6)
    assert not np.array_equal(shown, np.asarray(Image.open(buffer).convert("RGB")))
    assert np.array_equal(uploaded(client, Image.open(buffer)), shown)


@pytest.mark.parametrize("profile", [LINEAR_GREY, None])
def test_a_deep_pillow_image_is_shown_as_its_file_is(client: Client, profile: bytes | None) -> None:
    deep = np.linspace(0, 65535, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)
    buffer = io.BytesIO()
    Image.fromarray(deep).save(buffer, "PNG", icc_profile=profile)
    opened = Image.open(buffer)
    assert opened.mode == "I;16"
    assert np.array_equal(uploaded(client, opened), decode(buffer.getvalue(), 10**6))


def test_pillow_images_that_cannot_be_read_are_refused_with_the_cause(client: Client) -> None:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG")
    closed = Image.fromarray(PIXELS)
    closed.close()
    for image, cause in (
        (Image.open(io.BytesIO(buffer.getvalue()[:100])), "truncated"),
        (Image.new("La", (8, 8)), "conversion from La"),
        (closed, "closed"),
    ):
        with pytest.raises(ImageUnreadable, match=cause):
            client.upload(image)


def test_a_turned_pillow_image_is_uploaded_as_it_is_shown(client: Client) -> None:
    image = Image.open(io.BytesIO(turned_picture()))
    shown = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(uploaded(client, image), shown)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (PIXELS.transpose(2, 0, 1), "channels last"),
        (PIXELS[None], "one by one"),
        (np.zeros((0, 3), np.uint8), "shape (0, 3)"),
        (PIXELS / 255, "float64"),
        (PIXELS > 3, "bool"),
        (Image.fromarray(np.ones((2, 2), np.float32)), "mode F"),
        (io.StringIO("text"), 'open(path, "rb")'),
        (3, "not as int"),
        (None, "not as NoneType"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(
    client: Client, source: Any, reason: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.upload(source)
    assert reason in caught.value.detail


def test_one_source_needs_no_list(client: Client, photo: Path) -> None:
    for source in (str(photo), photo.read_bytes(), PIXELS, Image.fromarray(PIXELS)):
        assert client.submit(files=source).counts.total == 1
    with photo.open("rb") as file:
        assert client.submit(files=file).counts.total == 1


def test_items_have_the_names_of_their_files(client: Client, photo: Path) -> None:
    other = photo.parent / "rear" / photo.name
    other.parent.mkdir()
    other.write_bytes(picture(3))
    with other.open("rb") as file:
        job = client.submit(files=[photo, str(other), PIXELS, file])
    names = [item.custom_id for item in client.results(job)]
    assert names == [photo.name, f"rear/{photo.name}", None, photo.name]
    [alone] = client.results(client.submit(files=[other]))
    assert alone.custom_id == photo.name


def test_a_name_that_the_service_refuses_is_left_out() -> None:
    names = ("bad\udcff.jpg", "x" * 1025, "", "good.jpg")
    assert client_names([UploadFile(b"", name) for name in names]) == [None, None, None, "good.jpg"]


@pytest.fixture
def host() -> Iterator[StubServer]:
    """A server of pictures."""
    with stub_server(StubResponse(body=picture(7))) as server:
        yield server


def test_a_url_is_fetched_by_the_client_without_the_key(client: Client, host: StubServer) -> None:
    with Client(client.base_url, "SECRET") as keyed:
        image = keyed.upload(f"{host.url}/a/street%20%E8%A1%97.jpg?signature=abc")
        assert image.id == client.upload(picture(7)).id
        [item] = keyed.results(keyed.submit(files=f"{host.url}/street%20%E8%A1%97.jpg"))
        assert item.custom_id == "street 街.jpg"
    assert host.requests[0].path.startswith("/a/street%20")
    assert all("SECRET" not in str(request) for request in host.requests)
    assert all("authorization" not in request.headers for request in host.requests)


def test_redirects_are_followed_and_end(client: Client, host: StubServer) -> None:
    moved = StubResponse(302, headers={"Location": "/b.jpg"})
    host.responses[:] = [moved, StubResponse(body=picture(7))]
    assert client.upload(f"{host.url}/a.jpg").id == client.upload(picture(7)).id
    host.requests.clear()
    host.responses[:] = [moved]
    with pytest.raises(ImageUnreadable, match="cannot be fetched"):
        client.upload(f"{host.url}/a.jpg")
    assert len(host.requests) == transport.MAX_REDIRECTS + 1


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_what_cannot_be_fetched_says_why_and_tells_no_secret(
    host: StubServer, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upload(url: str) -> None:
        async def asynchronously() -> None:
            async with AsyncClient("http://127.0.0.1:9") as client:
                await client.upload(url)

        if kind is AsyncClient:
            asyncio.run(asynchronously())
        else:
            Client("http://127.0.0.1:9").upload(url)

    host.responses[:] = [StubResponse(404)]
    secret = f"{host.url.replace('//', '//me:PASS@')}/a.jpg?token=PASS"
    with pytest.raises(ImageUnreadable, match="404") as caught:
        upload(secret)
    assert "PASS" not in caught.value.detail
    with pytest.raises(ImageUnreadable, match="cannot be fetched"):
        upload("http://127.0.0.1:9/none.jpg")
    with pytest.raises(ImageUnreadable, match="cannot be fetched"):
        upload("http://[::/none.jpg")
    host.responses[:] = [StubResponse(body=bytes(2000))]
    monkeypatch.setattr(sources, "MAX_FETCHED_BYTES", 1000)
    with pytest.raises(UploadTooLarge, match="1,000 bytes"):
        upload(f"{host.url}/large.jpg")


def test_an_array_like_object_is_an_array() -> None:
    class Tensor:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return PIXELS

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert encode_array(Tensor()) == encode_array(PIXELS)
