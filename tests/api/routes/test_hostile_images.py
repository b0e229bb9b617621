"""Files that would take a decoder down: refused at the door, or alone, in a process of its own."""

import io
import struct
import zlib

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.harness.images.api_images import picture, put
from tests.harness.images.cases import cases


def short_exif() -> bytes:
    """A JPEG whose EXIF ends after its first 4 bytes."""
    exif = b"Exif\0\0II*\0"
    whole = picture()
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif + whole[2:]


def test_a_photo_with_odd_metadata_does_not_fail_its_neighbours(client: httpx.Client) -> None:
    files = [("files", (f"{i}.jpg", data)) for i, data in enumerate([picture(1), short_exif()])]
    answer = client.post("/v1/images", files=files)
    assert answer.status_code == 201, answer.text
    assert client.post("/v1/jobs", files=files).status_code == 202


def test_a_chunk_that_claims_2000_mib_is_refused_at_the_door(client: httpx.Client) -> None:
    bomb = cases()["png_claims_2000_mib.png"]
    answer = client.post("/v1/images", files={"files": ("bomb.png", bomb)})
    assert (answer.status_code, answer.json()["code"]) == (422, "image_unreadable")
    files = [("files", ("bomb.png", bomb)), ("files", ("good.jpg", picture()))]
    job = client.post("/v1/jobs", files=files)
    assert job.status_code == 202
    item = client.get(f"/v1/jobs/{job.json()['id']}/items").json()["items"][0]
    thumbnail = client.get(f"/v1/images/{item['image_id']}/thumbnail")
    assert thumbnail.status_code in (404, 422)


@pytest.mark.parametrize("name", ["heic.heic", "avif.avif", "tiff_cmyk16.tif", "tiff_c_zstd.tif"])
def test_thumbnails_of_what_phones_and_cameras_send(client: httpx.Client, name: str) -> None:
    image_id = put(client, cases()[name])
    answer = client.get(f"/v1/images/{image_id}/thumbnail", follow_redirects=True)
    assert answer.status_code == 200, answer.text
    shown = np.asarray(Image.open(io.BytesIO(answer.content)), int)
    whole = np.asarray(Image.open(io.BytesIO(cases()["bmp.bmp"])), int)
    assert np.abs(shown - whole).mean() < 4


def test_a_picture_that_decodes_to_far_more_than_it_says_fails_alone(client: httpx.Client) -> None:
    # The header is small; the pixels inflate to 400 MB more than it needs.
    rows = zlib.compress(bytes(400_000_000), 1)
    header = struct.pack(">IIBBBBB", 8, 6, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    image_id = put(client, data)
    assert client.get(f"/v1/images/{image_id}/thumbnail").status_code in (307, 422)
    assert client.get("/healthz").status_code == 200
