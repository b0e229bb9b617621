"""Deep and raw samples become 8 bits steadily: no pixel decides the brightness of the others."""

import io
import struct

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from pydantic import ValidationError

from roadmask.errors import ImageUnreadable, UnsupportedFormat
from roadmask.images.decoding import Decoded, decode, decode_sniffed
from roadmask.images.sniffing import sniff
from roadmask.schemas.pixels import AS_STORED, Pixels, RequestedPixels
from tests.harness.images.cases import cases

LIMIT = 10_000_000
RNG = np.random.default_rng(0)
STREET = cv2.GaussianBlur(
    cv2.resize(RNG.integers(0, 256, (8, 12, 3), np.uint8), (240, 160)), (0, 0), 2
)
"""RGB uint8 (160, 240, 3), smooth, with values all over the range."""
STREET = np.interp(STREET, (STREET.min(), STREET.max()), (4, 250)).astype(np.uint8)


def deep(bits: int, image: np.ndarray = STREET) -> np.ndarray:
    return np.asarray(np.rint(image * ((2**bits - 1) / 255)), np.uint16)


def linear(bits: int, image: np.ndarray = STREET) -> np.ndarray:
    light = np.where(image <= 10, image / 255 / 12.92, ((image / 255 + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.rint(light * (2**bits - 1)), np.uint16)


def png(samples: np.ndarray) -> bytes:
    bgr = samples if samples.ndim == 2 else samples[..., ::-1]
    return cv2.imencode(".png", bgr)[1].tobytes()


def with_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    import struct
    import zlib

    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data[:33] + chunk + data[33:]


def read(data: bytes, pixels: Pixels = AS_STORED) -> Decoded:
    return decode_sniffed(data, sniff(data, LIMIT), LIMIT, None, pixels)


def error(shown: np.ndarray, expected: np.ndarray = STREET) -> float:
    return float(np.abs(shown.astype(int) - expected).mean())


@pytest.mark.parametrize("bits", range(8, 17))
def test_every_depth_is_equally_bright_stated_or_found(bits: int) -> None:
    data = png(deep(bits))
    for pixels in (AS_STORED, Pixels(bits=bits)):
        assert error(read(data, pixels).pixels) < 0.6


@pytest.mark.parametrize("bits", range(8, 16))
@pytest.mark.parametrize("value", ["just above", "largest"])
def test_a_hot_pixel_changes_itself_alone(bits: int, value: str) -> None:
    stored = deep(bits)
    plain = read(png(stored)).pixels
    stored[80, 120] = 2**bits if value == "just above" else 65535
    shown = read(png(stored)).pixels
    assert (shown[80, 120] == 255).all()
    shown[80, 120] = plain[80, 120]
    assert (shown == plain).all()


def test_two_frames_that_differ_in_one_pixel_are_equally_bright() -> None:
    first, second = (decode(cases()[f"flicker_{name}.png"], LIMIT) for name in "ab")
    assert (first != second).any(axis=2).sum() <= 1


def test_the_depth_of_a_png_is_that_of_its_header_whether_scaled_or_not() -> None:
    dark = STREET // 8
    stored = deep(12, dark)
    for samples in (stored, stored << 4, stored << 4 | stored >> 8):
        data = with_chunk(png(samples), b"sBIT", bytes([12, 12, 12]))
        assert error(read(data).pixels, dark) < 0.6
    # Without it the same frame is taken for one of fewer bits.
    assert error(read(png(stored)).pixels, dark) > 20


@pytest.mark.parametrize("state", ["max sample value", "ome"])
def test_the_depth_of_a_tiff_is_that_of_its_header(state: str) -> None:
    dark = STREET // 8
    tags = [(281, "H", 3, (4095,) * 3, True)] if state == "max sample value" else []
    text = '<OME><Image><Pixels SignificantBits="12"/></Image></OME>' if state == "ome" else None
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, deep(12, dark), photometric="rgb", extratags=tags, description=text, metadata=None
    )
    assert sniff(buffer.getvalue(), LIMIT).significant_bits == 12
    assert error(read(buffer.getvalue()).pixels, dark) < 0.6


@pytest.mark.parametrize("depth", ["stated by the file", "stated by the job", "found"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_zero_is_white_within_the_bits_that_hold_data(bits: int, depth: str) -> None:
    grey = cv2.cvtColor(STREET, cv2.COLOR_RGB2GRAY)
    tags = [(281, "H", 1, 2**bits - 1, True)] if depth == "stated by the file" else []
    said = bits if depth == "stated by the job" else None
    for curve, light in (("srgb", deep(bits, grey)), ("linear", linear(bits, grey))):
        stored = (2**bits - 1 - light).astype(np.uint8 if bits == 8 else np.uint16)
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, stored, photometric="miniswhite", extratags=tags)
        found = read(buffer.getvalue(), Pixels(bits=said, curve=curve))
        assert error(found.pixels, grey[..., None]) < (5 if curve == "linear" and bits < 12 else 1)
        assert found.warnings == []


@pytest.mark.parametrize("depth", ["12 bits", "float", "signed"])
@pytest.mark.parametrize("opacity", [1, 0.5])
def test_alpha_of_any_depth_that_is_multiplied_into_tiff_is_divided_out(
    depth: str, opacity: float
) -> None:
    largest, dtype = {"12 bits": (4095, "u2"), "float": (1.0, "f4"), "signed": (2**15 - 1, "i2")}[
        depth
    ]
    premultiplied = np.full((*STREET.shape[:2], 4), float(largest * opacity))
    premultiplied[..., :3] *= STREET / 255
    stored = premultiplied if depth == "float" else np.rint(premultiplied)
    kind = {"f4": "f", "i2": "h", "u2": "H"}[dtype]
    tags = [(280, kind, 1, 0, True), (281, kind, 1, largest, True)]
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        stored.astype(dtype),
        photometric="rgb",
        extrasamples=["assocalpha"],
        extratags=tags,
    )
    assert error(read(buffer.getvalue()).pixels) < 1


def test_bits_concern_no_8_bit_samples_of_which_zero_is_white() -> None:
    grey = cv2.cvtColor(STREET, cv2.COLOR_RGB2GRAY)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, 255 - grey, photometric="miniswhite")
    assert error(read(buffer.getvalue(), Pixels(bits=12)).pixels, grey[..., None]) == 0


def test_a_range_is_that_of_the_stored_samples_if_zero_is_white() -> None:
    grey = cv2.cvtColor(STREET, cv2.COLOR_RGB2GRAY)
    buffer = io.BytesIO()
    stored = np.rint(9000 - grey * (2000 / 255)).astype(np.uint16)
    tifffile.imwrite(buffer, stored, photometric="miniswhite")
    assert error(read(buffer.getvalue(), Pixels(range=(7000, 9000))).pixels, grey[..., None]) < 1


def test_linear_samples_get_the_curve_of_srgb() -> None:
    assert error(read(png(linear(14)), Pixels(bits=14, curve="linear")).pixels) < 0.6
    assert error(read(png(linear(14)), Pixels(bits=14)).pixels) > 20


@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])
@pytest.mark.parametrize("bits", [8, 12])
def test_mosaics_become_colours(pattern: str, bits: int) -> None:
    full = deep(bits)
    stored = np.empty(full.shape[:2], np.uint16)
    for place, color in enumerate(pattern):
        row, column = divmod(place, 2)
        stored[row::2, column::2] = full[row::2, column::2, "RGB".index(color)]
    data = png(stored.astype(np.uint8) if bits == 8 else stored)
    assert error(read(data, Pixels(bits=bits, cfa=pattern)).pixels) < 2
    assert any("raw data of a colour sensor" in text for text in read(data).warnings)
    assert read(data, Pixels(bits=bits, cfa=pattern)).warnings == []


def test_the_pattern_of_a_tiff_is_that_of_its_header() -> None:
    stored = deep(12)
    mosaic = np.empty(stored.shape[:2], np.uint16)
    for place, color in enumerate("GBRG"):
        row, column = divmod(place, 2)
        mosaic[row::2, column::2] = stored[row::2, column::2, "RGB".index(color)]
    buffer = io.BytesIO()
    tags = [
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, (1, 2, 0, 1), True),
        (281, "H", 1, 4095, True),
    ]
    tifffile.imwrite(buffer, mosaic, photometric="cfa", extratags=tags)
    assert error(read(buffer.getvalue()).pixels) < 2


def test_a_range_is_stretched() -> None:
    grey = cv2.cvtColor(STREET, cv2.COLOR_RGB2GRAY)
    thermal = (7000 + grey * (2000 / 255)).astype(np.uint16)
    expected = np.repeat(grey[..., None], 3, axis=2)
    said = read(png(thermal), Pixels(range=(7000, 9000)))
    assert error(said.pixels, expected) < 1
    assert said.warnings == []
    found = read(png(thermal), Pixels(range="percentile")).pixels
    assert (found.min(), found.max()) == (0, 255)
    assert any("State the job's `pixels.range`" in text for text in read(png(thermal)).warnings)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint32])
def test_samples_of_unknown_range_need_one(dtype: type) -> None:
    samples = STREET.astype(np.float64)
    samples = samples / 255 if np.dtype(dtype).kind == "f" else samples * 100
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples.astype(dtype), photometric="rgb")
    with pytest.raises(UnsupportedFormat, match=r"State it in the job as `pixels"):
        read(buffer.getvalue())
    highest = 1 if np.dtype(dtype).kind == "f" else 25500
    assert error(read(buffer.getvalue(), Pixels(range=(0, highest))).pixels) < 1


def test_a_stated_range_of_floating_point_samples_is_used() -> None:
    buffer = io.BytesIO()
    tags = [(340, "f", 1, -1.0, True), (341, "f", 1, 3.0, True)]
    samples = (STREET / 255 * 4 - 1).astype(np.float32)
    samples[0, 0] = np.nan
    tifffile.imwrite(buffer, samples, photometric="rgb", extratags=tags)
    assert error(read(buffer.getvalue()).pixels) < 1


def test_what_looks_odd_and_was_not_said_is_warned_about() -> None:
    dusk = (255 * (STREET / 255) ** 2.2).astype(np.uint8)
    assert read(png(deep(12, dusk))).warnings == []
    [warning] = read(png(linear(12, dusk))).warnings
    assert "If it is linear" in warning
    clipped = np.minimum(deep(12), 1200)
    assert any("clipped" in text for text in read(png(clipped), Pixels(bits=12)).warnings)
    clipped = np.minimum(deep(12).astype(int) * 4, 4095).astype(np.uint16)
    assert any("clipped" in text for text in read(png(clipped)).warnings)
    for bits in (8, 10, 12, 14, 16):
        assert read(png(deep(bits))).warnings == []
    assert read(png(STREET)).warnings == []
    assert read(png(cv2.cvtColor(STREET, cv2.COLOR_RGB2GRAY))).warnings == []
    noise = RNG.integers(0, 256, (200, 200), np.uint8)
    assert read(png(noise)).warnings == []


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("range", [(0, 1), "percentile"])
def test_floating_point_samples_are_called_clipped_only_if_they_are(
    dtype: type, range: tuple[float, float] | str
) -> None:
    for samples, is_clipped in ((STREET / 255, False), (np.minimum(STREET / 128, 1), True)):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, samples.astype(dtype), photometric="rgb")
        warnings = read(buffer.getvalue(), Pixels(range=range)).warnings
        assert any("clipped" in text for text in warnings) == is_clipped


@pytest.mark.parametrize("range", [(0, 1), "percentile"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_image_without_a_finite_sample_is_refused(
    range: tuple[float, float] | str, value: float
) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.full((96, 128), value, np.float32))
    with pytest.raises(ImageUnreadable, match="The image has no finite sample"):
        read(buffer.getvalue(), Pixels(range=range))


@pytest.mark.parametrize("limit", [np.inf, np.nan])
def test_a_stated_range_that_is_not_finite_is_ignored(limit: float) -> None:
    buffer = io.BytesIO()
    tags = [(340, "f", 3, (0.0,) * 3, True), (341, "f", 3, (1.0, 1.0, limit), True)]
    tifffile.imwrite(buffer, (STREET / 255).astype(np.float32), photometric="rgb", extratags=tags)
    with pytest.raises(UnsupportedFormat, match=r"State it in the job as `pixels"):
        read(buffer.getvalue())


@pytest.mark.parametrize("limit", [np.inf, -np.inf, np.nan])
def test_a_largest_sample_that_is_not_finite_is_ignored(limit: float) -> None:
    buffer = io.BytesIO()
    largest = [(281, "f", 1, limit, True)]
    tifffile.imwrite(buffer, deep(12), photometric="rgb", extratags=largest)
    assert error(read(buffer.getvalue()).pixels) < 0.6


@pytest.mark.filterwarnings("error")
def test_percentiles_of_one_large_value_are_black() -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.full((96, 128), 1e12, np.float32))
    assert not read(buffer.getvalue(), Pixels(range="percentile")).pixels.any()


def test_profiles_are_converted_to_srgb() -> None:
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    buffer = io.BytesIO()
    Image.fromarray(STREET).save(buffer, "PNG", icc_profile=srgb)
    assert (read(buffer.getvalue()).pixels == STREET).all()
    # A profile whose red is sRGB's blue.
    exchanged = srgb.replace(b"rXYZ", b"????", 1).replace(b"bXYZ", b"rXYZ", 1)
    exchanged = exchanged.replace(b"????", b"bXYZ", 1)
    for kind, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})):
        buffer = io.BytesIO()
        Image.fromarray(STREET).save(buffer, kind, icc_profile=exchanged, **options)
        assert error(read(buffer.getvalue()).pixels, STREET[..., ::-1]) < 1.5
    buffer = io.BytesIO()
    Image.fromarray(STREET).save(buffer, "PNG", icc_profile=b"no profile")
    assert (read(buffer.getvalue()).pixels == STREET).all()


@pytest.mark.parametrize(
    "members",
    [
        {"bits": 7},
        {"cfa": "RGBG"},
        {"curve": "log"},
        {"range": [3, 2]},
        {"range": "all"},
        {"bit": 9},
    ],
)
def test_what_is_no_setting_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RequestedPixels.model_validate(members)


@pytest.mark.parametrize("bits", [10, 12])
def test_the_depth_of_an_avif_is_that_of_its_header(bits: int) -> None:
    dark = STREET // 8
    settings = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 100]
    done, data = cv2.imencode(".avif", deep(bits, dark)[..., ::-1], settings)
    assert done
    assert sniff(data.tobytes(), LIMIT).significant_bits == bits
    assert error(read(data.tobytes()).pixels, dark) < 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bands_without_a_colour_are_not_taken_for_grey(dtype: type) -> None:
    buffer = io.BytesIO()
    rgb: np.ndarray = np.full((8, 12, 3), 90, dtype)
    tifffile.imwrite(buffer, rgb, photometric="minisblack", planarconfig="contig")
    with pytest.raises(UnsupportedFormat, match="3 bands whose colours it does not name"):
        sniff(buffer.getvalue(), LIMIT)


@pytest.mark.parametrize(("number", "name"), [(16, "PQ"), (18, "HLG"), (13, None)])
def test_images_of_high_dynamic_range_are_warned_about(number: int, name: str | None) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (90, 120, 60)).save(buffer, "AVIF")
    colors = b"nclx" + struct.pack(">HH", 1, 13)
    assert colors in buffer.getvalue()
    avif = buffer.getvalue().replace(colors, b"nclx" + struct.pack(">HH", 9, number))
    chunk = with_chunk(png(STREET), b"cICP", bytes([9, number, 0, 1]))
    for data in (avif, chunk):
        found = [text for text in read(data).warnings if "high dynamic range" in text]
        assert len(found) == (name is not None)
        assert all(f"({name})" in text for text in found)
