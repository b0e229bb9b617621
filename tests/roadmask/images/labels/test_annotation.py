"""Masks whose samples Pillow changes while it reads them."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from roadmask.errors import InvalidRequest
from roadmask.images.decoding import decode
from roadmask.images.labels.annotation import Annotation
from roadmask.images.labels.choice import to_categories
from roadmask.masks.codec import decode_mask, encode_mask
from roadmask.masks.taxonomy import CITYSCAPES

IDS = np.arange(32, dtype=np.uint8).reshape(4, 8) % 4


def grey_png(values: NDArray[np.uint8], bits: int) -> bytes:
    """A grey PNG of 2 or 4 bits for each pixel (W3C PNG, third edition, 11.2)."""
    height, width = values.shape
    rows = [np.unpackbits(row[:, None], axis=1)[:, 8 - bits :].ravel() for row in values]
    data = b"".join(b"\0" + np.packbits(row).tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    packed = b""
    for kind, content in chunks:
        check = struct.pack(">I", zlib.crc32(kind + content))
        packed += struct.pack(">I", len(content)) + kind + content + check
    return b"\x89PNG\r\n\x1a\n" + packed


@pytest.mark.parametrize("bits", [2, 4])
def test_grey_ids_of_few_bits_are_read_as_they_are(bits: int) -> None:
    mask = grey_png(IDS, bits)
    np.testing.assert_array_equal(Annotation.read(mask).ids, IDS)
    np.testing.assert_array_equal(decode_mask(mask), IDS)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_colours_of_16_bits_are_refused(tmp_path: Path, channels: int, suffix: str) -> None:
    """Their upper halves are 0 for all ids."""
    path = tmp_path / f"mask{suffix}"
    cv2.imwrite(str(path), IDS[..., None].repeat(channels, axis=2).astype(np.uint16))
    with pytest.raises(InvalidRequest, match=r"16 bits for each colour|cannot be read"):
        Annotation.read(path)


def saved(values: NDArray[np.uint8], kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).convert("RGB" if kind == "WEBP" else "L").save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_a_mask_is_turned_by_its_orientation_like_an_image(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    mask = saved(IDS, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    expected = decode(mask, 1000)[..., 0]
    np.testing.assert_array_equal(Annotation.read(mask).ids, expected)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {}), ("WEBP", {"quality": 100}), ("TIFF", {"compression": "jpeg"}), ("AVIF", {})],
)
def test_a_mask_that_was_compressed_with_loss_is_refused(
    kind: str, options: dict[str, object]
) -> None:
    """Its ids are other ones, which a label set may have, too."""
    with pytest.raises(InvalidRequest, match=f"lossy {kind}, whose compression changes labels"):
        Annotation.read(saved(IDS, kind, **options))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_mask_of_several_pages_is_refused(kind: str) -> None:
    second = Image.fromarray(IDS + 1)
    mask = saved(IDS, kind, save_all=True, append_images=[second])
    with pytest.raises(InvalidRequest, match=r"animated|2 pages"):
        Annotation.read(mask)


def test_a_file_that_is_no_mask_has_its_name_in_the_error() -> None:
    with pytest.raises(InvalidRequest, match=r"^The mask cannot be read\. The file is a JSON"):
        Annotation.read(b'{"shapes": []}')
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, IDS.astype(np.uint64), photometric="minisblack")
    with pytest.raises(InvalidRequest, match="form of TIFF that is not read as a mask"):
        Annotation.read(buffer.getvalue())


def indexed(indices: NDArray[np.uint8], greys: list[int]) -> bytes:
    picture = Image.fromarray(indices)
    picture.putpalette(np.repeat(np.array(greys, np.uint8), 3).tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_ids_that_were_stored_as_a_palette_of_greys_are_read() -> None:
    """optipng and ImageMagick make grey PNGs of few ids smaller in this way."""
    greys = [7, 11, 26, 255]
    annotation = Annotation.read(indexed(IDS, greys))
    np.testing.assert_array_equal(annotation.ids, np.array(greys)[IDS])
    read = decode_mask(to_categories(indexed(IDS, greys), "cityscapes-ids"))
    np.testing.assert_array_equal(read, np.array([1, 2, 7, 0])[IDS])


@pytest.mark.parametrize("greys", [[0, 1, 2, 3], [0, 85, 170, 255]])
def test_a_ramp_of_greys_shows_the_ids(greys: list[int]) -> None:
    np.testing.assert_array_equal(Annotation.read(indexed(IDS, greys)).ids, IDS)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_a_palette_that_contradicts_its_ids_is_refused(order: list[int]) -> None:
    """White is no colour of ours, so that the mask would be read by its ids."""
    palette = np.full((256, 3), 255, np.uint8)
    palette[:4] = CITYSCAPES.palette[order]
    indices = IDS.copy()
    indices[0, 0] = 255
    picture = Image.fromarray(indices)
    picture.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    if order == sorted(order):
        expected = np.where(indices == 255, 0, indices)
        read = decode_mask(to_categories(buffer.getvalue(), "roadmask"))
        np.testing.assert_array_equal(read, expected)
        return
    with pytest.raises(InvalidRequest, match="palette whose colours mean other categories"):
        to_categories(buffer.getvalue(), "roadmask")


def test_a_mask_of_too_many_pixels_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow refuses twice this number, and 178,956,970 as it is set by default."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15)
    mask = grey_png(IDS, 2)
    for read in (Annotation.read, decode_mask):
        with pytest.raises(InvalidRequest, match="more than 30 pixels") as refused:
            read(mask)
        assert "again" not in refused.value.detail


def test_the_mask_of_the_largest_image_is_decoded() -> None:
    """The limit of images is a setting, and may be above any of our own and of Pillow."""
    mask = np.zeros((6_000, 30_000), np.uint8)
    mask[-1, -1] = 7
    assert decode_mask(encode_mask(mask))[-1, -1] == 7
