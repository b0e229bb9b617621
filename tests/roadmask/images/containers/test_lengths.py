"""Lengths beyond the file are refused by the header, in constant memory, in every container."""

import io
import random
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from roadmask.errors import ImageAnimated, ImageUnreadable, ItemError, UnsupportedFormat
from roadmask.images.decoding import decode
from roadmask.images.sniffing import sniff
from tests.harness.images.cases import cases

MAX_PIXELS = 50_000_000
Tag = tuple[int | str, int | str, int | None, Any, bool]
"""A tag that tifffile writes."""
RGB = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)


def saved(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes, length: int | None = None) -> bytes:
    size = len(data) if length is None else length
    return struct.pack(">I", size) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(*chunks: bytes) -> bytes:
    whole = saved("PNG")
    return b"".join([whole[:33], *chunks, whole[33:]])


def tiff(**options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, RGB, photometric="rgb", **options)
    return buffer.getvalue()


def tiff_with(tag: int, value: int) -> bytes:
    """A TIFF with another value of a tag that has one value."""
    data = bytearray(tiff())
    entry = next(
        at for at in range(10, 300, 12) if int.from_bytes(data[at : at + 2], "little") == tag
    )
    data[entry + 8 : entry + 12] = value.to_bytes(4, "little")
    return bytes(data)


HOSTILE = {
    "png chunk": png_with(chunk(b"IDAT", b"", 2**31 - 1)),
    "png chunk of 4 GiB": png_with(chunk(b"IDAT", b"", 2**32 - 1)),
    "png text": png_with(chunk(b"tEXt", b"a\0b", 2**30)),
    "png end": saved("PNG")[:-20],
    "webp riff": b"RIFF" + struct.pack("<I", 2**31) + saved("WEBP")[8:],
    "webp chunk": saved("WEBP")[:16] + struct.pack("<I", 2**31) + saved("WEBP")[20:],
    "jpeg segment": b"\xff\xd8\xff\xe1\xff\xffExif",
    "bmp rows": saved("BMP")[:-500],
    "tiff strip": tiff_with(279, 2**31 - 1),
    "tiff strip elsewhere": tiff_with(273, 2**31 - 1),
    "tiff directory": b"II*\0" + struct.pack("<I", 2**31),
    "tiff count": b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 273, 4, 2**30, 8),
    "bigtiff directory": b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + struct.pack("<Q", 2**60),
    "heif box": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\x7f\xff\xff\xffmeta",
    "heif box of 64 bits": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif\0\0\0\x01meta" + b"\x7f" * 8,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_length_beyond_the_file_is_refused_in_constant_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(HOSTILE[name])
    for source in (HOSTILE[name], path):
        tracemalloc.start()
        with pytest.raises(ImageUnreadable):
            sniff(source, MAX_PIXELS)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1_000_000


def test_the_file_that_claims_2000_mib_is_refused() -> None:
    with pytest.raises(ImageUnreadable, match=r"IDAT has 2,097,152,000 bytes .* copy it again"):
        decode(cases()["png_claims_2000_mib.png"], MAX_PIXELS)


def test_inflated_metadata_are_cut() -> None:
    bomb = zlib.compress(bytes(50_000_000))
    data = png_with(
        chunk(b"iCCP", b"a\0\0" + bomb), chunk(b"zTXt", b"Raw profile type exif\0\0" + bomb)
    )
    tracemalloc.start()
    assert (decode(data, MAX_PIXELS) == RGB).all()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_more_chunks_than_any_writer_makes_are_refused() -> None:
    with pytest.raises(ImageUnreadable, match="more than 50,000 chunks"):
        sniff(png_with(chunk(b"tEXt", b"") * 50_001), MAX_PIXELS)


def test_a_strip_that_holds_a_larger_image_is_refused() -> None:
    data = bytearray(tiff(compression="jpeg"))
    frame = data.find(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
    with pytest.raises(ImageUnreadable, match="60000x60000 pixels, more than its own 32x24"):
        sniff(bytes(data), MAX_PIXELS)


def test_a_webp_whose_canvas_is_not_its_image_is_refused() -> None:
    data = bytearray(saved("WEBP", exif=Image.Exif().tobytes() + bytes(8)))
    at = data.find(b"VP8X")
    data[at + 12] = 200
    with pytest.raises(ImageUnreadable, match="201x24 pixels, but its image has 32x24"):
        sniff(bytes(data), MAX_PIXELS)


def without_height() -> bytes:
    data = bytearray(saved("JPEG"))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 2] = bytes(2)
    return bytes(data)


def volume() -> bytes:
    buffer = io.BytesIO()
    slices = np.zeros((16, 32, 32), np.uint8)
    tifffile.imwrite(buffer, slices, volumetric=True, tile=(16, 16, 16))
    return buffer.getvalue()


def test_forms_of_whole_files_that_are_not_read_are_named() -> None:
    whole = saved("PNG")
    for data, error, words in (
        (whole[:8] + chunk(b"CgBI", b"\x50\0\x20\x02") + whole[8:], UnsupportedFormat, "iOS apps"),
        (without_height(), UnsupportedFormat, "height behind its pixels"),
        (volume(), ImageAnimated, "volume of 16 slices"),
    ):
        with pytest.raises(error, match=words) as told:
            sniff(data, MAX_PIXELS)
        assert "Copy" not in told.value.detail


def raw_photo(*tags: Tag) -> bytes:
    buffer = io.BytesIO()
    pattern: Tag = (33421, "H", 2, (2, 2), True)
    with tifffile.TiffWriter(buffer) as writer:
        thumbnail = RGB[::2, ::2]
        sensor = RGB[..., 0].astype(np.uint16)
        writer.write(thumbnail, photometric="rgb", subfiletype=1, subifds=1, extratags=tags)
        writer.write(sensor, photometric="cfa", extratags=[pattern])
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("DNG", [(50706, "B", 4, (1, 4, 0, 0), True)]),
        ("Nikon NEF", [(271, "s", 0, "NIKON CORPORATION", True)]),
        ("Sony ARW", [(271, "s", 0, "SONY", True)]),
        ("a camera's own format", []),
    ],
)
def test_raw_photos_are_refused_by_name_and_never_read_as_their_thumbnail(
    name: str, tags: list[Tag]
) -> None:
    with pytest.raises(UnsupportedFormat, match=rf"raw photo \({name}\)\. Develop it"):
        sniff(raw_photo(*tags), MAX_PIXELS)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(40), "Canon CR2"),
        (b"IIU\0\x18\0\0\0", "Panasonic RW2"),
        (b"IIRO\x08\0\0\0", "Olympus ORF"),
        (b"FUJIFILMCCD-RAW 0201", "Fujifilm RAF"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "Canon CR3"),
        (b"\xff\x0a" + bytes(20), "JPEG XL image"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL image"),
        (b"\xff\x4f\xff\x51" + bytes(20), "JPEG 2000 image"),
        (b"8BPS\0\x01", "Photoshop document"),
        (b"%PDF-1.7", "PDF document"),
        (b"\0\0\0\x18ftypmp42", "MP4 video"),
        (b"RIFF\0\0\0\0AVI ", "AVI video"),
        (b"P6\n1 1\n255\n", "Netpbm image"),
        (b" \n<svg xmlns=", "SVG drawing"),
        (b"P4#c\n1 1\n\0", "Netpbm image"),
        (b"#?RGBE\n", "Radiance HDR image"),
        (bytes(128) + b"DICM", "DICOM image, .* Convert"),
        (b"PK\x03\x04" + bytes(30), "ZIP archive, .* Unpack it"),
        (b"a.jpg".ljust(257, b"\0") + b"ustar\0", "tar archive, .* Unpack it"),
        (b"YUV4MPEG2 W2 H2\n", "Y4M video, .* frames"),
        (b"\n<!doctype html><title>404", "web page, .* download the image"),
        (b'{"error": "denied"}', "JSON document, .* download the image"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"/annex/objects/SHA256E-s1--0.jpg\n", "git annex get"),
        (b"/9j/4AAQSkZJRg", "JPEG as base64 text, .* Decode it"),
        (b"data:image/png;base64,iVBO", "data URL, .* Decode it"),
        (b"\0\5\x16\7" + bytes(30), "AppleDouble file, .* send the image itself"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + saved("JPEG"), "19 other bytes in front of its JPEG"),
        (b"\xef\xbb\xbf" + saved("PNG"), "3 other bytes in front of its PNG"),
        (b"hello", "not an image in a known format"),
    ],
)
def test_other_formats_are_refused_by_their_own_name(data: bytes, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=name):
        sniff(data, MAX_PIXELS)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (saved("PNG").replace(b"\r\n", b"\n"), "as if they were text"),
        (saved("JPEG").decode("utf-8", "replace").encode(), "as if they were text"),
        (saved("JPEG").decode("latin-1").encode(), "as if they were text"),
        (bytes(5000), "first 4,096 bytes of the file are zeros"),
    ],
)
def test_what_happened_to_a_damaged_file_is_named(data: bytes, cause: str) -> None:
    with pytest.raises(ImageUnreadable, match=cause):
        sniff(data, MAX_PIXELS)


def test_a_tiff_in_an_unknown_compression_is_to_be_compressed_otherwise() -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, RGB, photometric="rgb", compression="jpegxr")
    with pytest.raises(UnsupportedFormat, match=r"JPEG XR, .* another compression"):
        sniff(buffer.getvalue(), MAX_PIXELS)


def mutants() -> Iterator[bytes]:
    rng = random.Random(0)
    small = [data for data in cases().values() if len(data) < 5000]
    for _ in range(400):
        data = bytearray(rng.choice(small))
        for _ in range(rng.randint(1, 6)):
            value = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            data[rng.randrange(len(data))] = value
        yield bytes(data[: rng.choice((None, rng.randrange(1, len(data))))])


def test_damaged_files_raise_nothing_but_our_errors() -> None:
    for data in mutants():
        try:
            facts = sniff(data, 1_000_000)
            pixels = decode(data, MAX_PIXELS)
        except ItemError:
            continue
        assert pixels.shape == (facts.height, facts.width, 3)


def test_a_sequence_of_pictures_is_refused_as_one() -> None:
    buffer = io.BytesIO()
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    frames[0].save(buffer, "AVIF", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageAnimated):
        sniff(buffer.getvalue(), MAX_PIXELS)
