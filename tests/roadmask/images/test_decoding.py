import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from roadmask.errors import (
    ImageAnimated,
    ImageEmpty,
    ImageTooLarge,
    ImageUnreadable,
    ItemError,
    UnsupportedFormat,
)
from roadmask.images.decoding import decode, encode_jpeg, encode_png
from roadmask.images.sniffing import sniff
from tests.harness.images.cases import cases

LIMIT = 50_000_000
HEIGHT, WIDTH = 37, 53
RGB = cv2.resize(np.random.default_rng(0).integers(0, 255, (5, 7, 3)).astype(np.uint8), (53, 37))
DEEP = RGB.astype(np.uint16) * 257


def saved(mode: str, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RGB).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def by_opencv(suffix: str, pixels: np.ndarray) -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


LOSSLESS_RGB = {
    "png": saved("RGB", "PNG"),
    "png with alpha": saved("RGBA", "PNG"),
    "bmp": saved("RGB", "BMP"),
    "tiff": saved("RGB", "TIFF"),
    "tiff lzw": saved("RGB", "TIFF", compression="tiff_lzw"),
    "tiff with alpha": saved("RGBA", "TIFF"),
    "webp lossless": saved("RGB", "WEBP", lossless=True),
    "png 16 bits": by_opencv(".png", DEEP[..., ::-1]),
    "tiff 16 bits": by_opencv(".tiff", DEEP[..., ::-1]),
}
OTHERS = {
    "jpeg": saved("RGB", "JPEG"),
    "jpeg progressive": saved("RGB", "JPEG", progressive=True),
    "jpeg cmyk": saved("CMYK", "JPEG"),
    "jpeg grey": saved("L", "JPEG"),
    "png grey": saved("L", "PNG"),
    "png grey 16 bits": by_opencv(".png", DEEP[..., 0]),
    "png grey with alpha": saved("LA", "PNG"),
    "png palette": saved("P", "PNG"),
    "png palette with alpha": saved("P", "PNG", transparency=3),
    "png one bit": saved("1", "PNG"),
    "tiff palette": saved("P", "TIFF"),
    "tiff cmyk": saved("CMYK", "TIFF"),
    "bmp one bit": saved("1", "BMP"),
    "webp": saved("RGB", "WEBP"),
    "webp with alpha": saved("RGBA", "WEBP"),
}


@pytest.mark.parametrize("name", LOSSLESS_RGB)
def test_lossless_colour_images_decode_to_their_pixels(name: str) -> None:
    assert (decode(LOSSLESS_RGB[name], LIMIT) == RGB).all()


@pytest.mark.parametrize("name", [*LOSSLESS_RGB, *OTHERS])
def test_every_form_becomes_rgb_of_the_size_its_header_says(name: str) -> None:
    data = (LOSSLESS_RGB | OTHERS)[name]
    facts = sniff(data, LIMIT)
    assert (facts.width, facts.height) == (WIDTH, HEIGHT)
    assert facts.bit_depth == (16 if "16 bits" in name else 8)
    assert facts.format == name.split()[0]
    pixels = decode(data, LIMIT)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert pixels.dtype == np.uint8
    assert pixels.std() > 10


STREET = cv2.GaussianBlur(cv2.resize(RGB, (96, 64)), (0, 0), 3)


def street(kind: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(STREET).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize(
    ("least", "divisor"), [((33, 48), 1), ((32, 49), 1), ((32, 48), 2), ((16, 20), 4), ((1, 1), 8)]
)
def test_a_jpeg_may_be_decoded_smaller_but_not_below_what_is_needed(
    mode: str, least: tuple[int, int], divisor: int
) -> None:
    data = street("JPEG", mode, quality=95)
    pixels = decode(data, LIMIT, least)
    assert pixels.shape == (64 // divisor, 96 // divisor, 3)
    whole = decode(data, LIMIT)
    expected = cv2.resize(whole, pixels.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(pixels.astype(int) - expected).mean() < 2


def test_a_jpeg_that_is_turned_is_decoded_smaller_as_it_is_shown() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = street("JPEG", exif=exif, quality=95)
    assert decode(data, LIMIT, (32, 48)).shape == (96, 64, 3)
    pixels = decode(data, LIMIT, (48, 32))
    assert pixels.shape == (48, 32, 3)
    expected = cv2.resize(
        cv2.rotate(STREET, cv2.ROTATE_90_CLOCKWISE), (32, 48), interpolation=cv2.INTER_AREA
    )
    assert np.abs(pixels.astype(int) - expected).mean() < 2


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP"])
def test_nothing_but_a_jpeg_is_decoded_smaller(kind: str) -> None:
    assert decode(street(kind), LIMIT, (1, 1)).shape == (64, 96, 3)


@pytest.mark.parametrize("name", OTHERS)
def test_sides_that_cannot_be_divided_are_decoded_whole(name: str) -> None:
    np.testing.assert_array_equal(decode(OTHERS[name], LIMIT, (1, 1)), decode(OTHERS[name], LIMIT))


def test_a_cut_jpeg_is_no_picture_when_it_is_decoded_smaller() -> None:
    with pytest.raises(ImageUnreadable):
        decode(street("JPEG")[:-300], LIMIT, (1, 1))


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_sixteen_bit_samples_are_scaled_by_the_range_that_the_camera_used(bits: int) -> None:
    samples = (RGB[..., 0].astype(np.uint16) << (bits - 8)) | 1
    samples[0, 0] = 2**bits - 1
    decoded = decode(by_opencv(".png", samples), LIMIT)[..., 0]
    assert (decoded[1:] == RGB[1:, :, 0]).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_they_are_shown(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved("RGB", kind, exif=exif)
    facts = sniff(data, LIMIT)
    pixels = decode(data, LIMIT)
    assert pixels.shape[:2] == (facts.height, facts.width)
    assert (facts.width > facts.height) == (orientation < 5)
    turned = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.transpose(1, 0, 2),
        6: RGB.transpose(1, 0, 2)[:, ::-1],
        7: RGB.transpose(1, 0, 2)[::-1, ::-1],
        8: RGB.transpose(1, 0, 2)[::-1],
    }[orientation]
    assert np.abs(pixels.astype(int) - turned).mean() < 6


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_colours_keep_their_place_beside_alpha(kind: str) -> None:
    """OpenCV gives AVIF with alpha in another order of channels."""
    picture = Image.fromarray(RGB).convert("RGBA")
    picture.putalpha(
        Image.linear_gradient("L").resize((WIDTH, HEIGHT)).point(lambda v: v // 2 + 127)
    )
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=95)
    assert np.abs(decode(buffer.getvalue(), LIMIT).astype(int) - RGB).mean() < 8


def test_of_a_phone_s_pair_of_pictures_the_first_is_the_photo() -> None:
    second = Image.fromarray(255 - RGB).resize((WIDTH // 2, HEIGHT // 2))
    data = saved("RGB", "MPO", save_all=True, append_images=[second])
    facts = sniff(data, LIMIT)
    assert (facts.format, facts.width, facts.height) == ("jpeg", WIDTH, HEIGHT)
    assert np.abs(decode(data, LIMIT).astype(int) - RGB).mean() < 6


def cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def endless_tiff() -> bytes:
    """A TIFF whose only page names another one beyond its end."""
    data = bytearray(LOSSLESS_RGB["tiff"])
    directory = int.from_bytes(data[4:8], "little")
    following = directory + 2 + 12 * int.from_bytes(data[directory : directory + 2], "little")
    data[following : following + 4] = (len(data) + 1000).to_bytes(4, "little")
    return bytes(data)


BROKEN: dict[str, tuple[bytes, type[ItemError], str]] = {
    "empty": (b"", ImageEmpty, "is empty"),
    "text": (b"this is not a picture", UnsupportedFormat, "Convert the file"),
    "gif": (saved("P", "GIF"), UnsupportedFormat, "a GIF image"),
    "jpeg cut": (cut(OTHERS["jpeg"], 0.8), ImageUnreadable, "truncated or corrupt"),
    "png cut": (cut(LOSSLESS_RGB["png"], 0.8), ImageUnreadable, "cut off or damaged"),
    "webp header cut": (OTHERS["webp"][:40], ImageUnreadable, "cut off or damaged"),
    "two frames": (
        saved("RGB", "WEBP", save_all=True, append_images=[Image.fromarray(255 - RGB)]),
        ImageAnimated,
        "more than one frame",
    ),
    "two pages": (
        saved("RGB", "TIFF", save_all=True, append_images=[Image.fromarray(RGB)]),
        ImageAnimated,
        "2 pages",
    ),
    "a page that is not there": (endless_tiff(), ImageUnreadable, "cut off or damaged"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_images_say_what_is_wrong(name: str) -> None:
    data, error, words = BROKEN[name]
    with pytest.raises(error, match=words):
        decode(data, LIMIT)


def test_floating_point_samples_are_refused_with_advice() -> None:
    buffer = io.BytesIO()
    Image.fromarray(RGB[..., 0].astype(np.float32)).save(buffer, "TIFF")
    with pytest.raises(UnsupportedFormat, match="State it in the job"):
        decode(buffer.getvalue(), LIMIT)


def test_any_cut_of_any_format_is_an_item_error_or_a_whole_picture() -> None:
    for data in (LOSSLESS_RGB | OTHERS).values():
        for length in range(0, len(data), max(1, len(data) // 40)):
            try:
                pixels = decode(data[:length], LIMIT)
            except ItemError:
                continue
            assert pixels.shape[:2] == (HEIGHT, WIDTH)


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(bomb)
    assert bomb.stat().st_size < 100_000
    for source in (bomb, bomb.read_bytes()):
        with pytest.raises(ImageTooLarge, match="Scale the image down"):
            sniff(source, LIMIT)
    with pytest.raises(ImageTooLarge, match="53x37 pixels"):
        sniff(OTHERS["jpeg"], 1000)


def test_the_smallest_image_is_an_image() -> None:
    assert decode(encode_png(RGB[:1, :1]), LIMIT).shape == (1, 1, 3)


def test_pictures_are_encoded_in_the_right_colours() -> None:
    assert (decode(encode_png(RGB), LIMIT) == RGB).all()
    assert np.abs(decode(encode_jpeg(RGB, 95), LIMIT).astype(int) - RGB).mean() < 4


@pytest.mark.slow
def test_looking_at_headers_needs_no_opencv() -> None:
    script = (
        "import sys, roadmask.images.sniffing as p; p.sniff(sys.stdin.buffer.read(), 10**6); "
        + ("sys.exit('cv2' in sys.modules)")
    )
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", script], input=OTHERS["jpeg"], env=environment, check=False
    )
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("tiff_be.tif", "tifffile"),
        ("tiff_c_lzw.tif", "imagecodecs"),
        ("heic.heic", "pi_heif"),
    ],
)
@pytest.mark.slow
def test_a_client_without_a_decoder_says_what_to_install(name: str, package: str) -> None:
    script = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from roadmask.images.decoding import decode\n"
        "from roadmask.errors import UnsupportedFormat\n"
        "try: decode(sys.stdin.buffer.read(), 10**6)\n"
        "except UnsupportedFormat as error: print(error.detail)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=cases()[name], capture_output=True, check=True
    )
    told = done.stdout.decode()
    assert f"pip install {package.replace('_', '-')}" in told, done.stderr


@pytest.mark.slow
def test_a_tiff_without_compression_needs_no_codecs() -> None:
    script = (
        "import sys; sys.modules['imagecodecs'] = None\n"
        "from roadmask.images.decoding import decode\n"
        "print(decode(sys.stdin.buffer.read(), 10**6).shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=cases()["tiff_be.tif"],
        capture_output=True,
        check=True,
    )
    assert done.stdout.strip() == b"(96, 128, 3)", done.stderr


@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4"])
@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_a_fax_is_read_as_libtiff_reads_it(compression: str, orientation: int) -> None:
    shape = np.random.default_rng(1).random((HEIGHT, WIDTH)) < 0.3
    buffer = io.BytesIO()
    Image.fromarray(shape).save(
        buffer, "TIFF", compression=compression, tiffinfo={274: orientation, 262: 0}
    )
    expected = np.asarray(Image.open(io.BytesIO(buffer.getvalue())).convert("RGB"))
    assert np.array_equal(decode(buffer.getvalue(), LIMIT), expected)


def test_a_fax_of_more_pixels_than_pillow_reads_is_too_large_and_not_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """178,956,970 by default; the limit of the service is a setting, and may be above."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    buffer = io.BytesIO()
    Image.new("1", (40, 30)).save(buffer, "TIFF", compression="group4")
    with pytest.raises(ImageTooLarge, match=r"40x30 pixels; at most 1,000 .* LZW"):
        decode(buffer.getvalue(), 10**6)


def test_rows_below_a_damaged_one_of_a_fax_are_not_white() -> None:
    page = np.ones((HEIGHT, WIDTH), bool)
    page[::2, ::3] = False
    buffer = io.BytesIO()
    Image.fromarray(page).save(buffer, "TIFF", compression="group3")
    data = bytearray(buffer.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        middle = tiff.pages[0].dataoffsets[0] + tiff.pages[0].databytecounts[0] // 2
    data[middle : middle + 4] = b"\xff" * 4
    assert (decode(bytes(data), LIMIT)[-2:] == 0).any()


def test_avif_whose_exif_cannot_be_read_is_read() -> None:
    """OpenCV refuses the whole image then."""
    exif = Image.Exif()
    exif[271] = "a camera"
    data = saved("RGB", "AVIF", quality=90, exif=exif)
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    odd = data.replace(block, bytes(len(block)))
    assert odd != data
    assert cv2.imdecode(np.frombuffer(odd, np.uint8), cv2.IMREAD_COLOR) is None
    assert np.abs(decode(odd, LIMIT).astype(int) - decode(data, LIMIT)).max() <= 2


def test_old_style_jpeg_in_tiff_is_refused_by_name() -> None:
    data = saved("RGB", "TIFF", compression="tiff_lzw")
    tag = struct.pack("<HHIHH", 259, 3, 1, 5, 0)
    assert data.count(tag) == 1
    with pytest.raises(UnsupportedFormat, match="old-style JPEG"):
        decode(data.replace(tag, struct.pack("<HHIHH", 259, 3, 1, 6, 0)), LIMIT)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("TGA", "a TGA image"), ("ICO", "a Windows icon"), ("SGI", "an SGI image")],
)
def test_formats_are_refused_by_name(kind: str, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=f"The file is {name}"):
        decode(saved("RGB", kind), LIMIT)


def test_lab_in_jpeg_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedFormat, match="Lab colours in JPEG compression"):
        decode(saved("LAB", "TIFF", compression="jpeg"), LIMIT)
