"""Formats that are not read, recognized by their first bytes, so that the refusal names them."""

from __future__ import annotations

from roadmask.errors import ImageUnreadable, RoadmaskError, UnsupportedFormat
from roadmask.images.containers.file_bytes import FileBytes
from roadmask.images.containers.raw_photos import CR3, CRW, RAW_SIGNATURES, RAW_SUFFIXES, raw_photo

UNSUPPORTED_SUFFIXES = RAW_SUFFIXES | {
    ".bpg", ".exr", ".gif", ".j2k", ".jp2", ".jxl", ".jxr", ".pbm", ".pgm", ".pnm", ".ppm",
    ".psd", ".qoi", ".tga", ".xcf",
}  # fmt: skip
"""Suffixes of photos in formats that are not read."""
_SIGNATURES = {
    b"GIF8": "GIF image",
    b"8BPS": "Photoshop document",
    b"%PDF": "PDF document",
    b"%!PS": "PostScript document",
    b"\xc5\xd0\xd3\xc6": "PostScript document",
    b"\x76\x2f\x31\x01": "OpenEXR image",
    b"#?R": "Radiance HDR image",
    b"DDS ": "DirectDraw surface",
    b"qoif": "QOI image",
    b"II\xbc": "JPEG XR image",
    b"\x0a\x05\x01": "PCX image",
    b"\x0a\x03\x01": "PCX image",
    b"\x01\xda": "SGI image",
    b"FORM": "IFF image",
    b"BPG\xfb": "BPG image",
    b"gimp xcf": "GIMP document",
    b"\x8aMNG": "MNG animation",
    b"\x8bJNG": "JNG image",
    b"SIMPLE  =": "FITS image",
    b"\x89HDF": "HDF5 file",
    b"\x93NUMPY": "NumPy array",
    b"PK\x03\x04": "ZIP archive",
    b"\x1f\x8b": "gzip archive",
    b"\x1aE\xdf\xa3": "Matroska or WebM video",
    b"7z\xbc\xaf": "7z archive",
    b"Rar!": "RAR archive",
    b"BZh": "bzip2 archive",
    b"\xfd7zXZ": "xz archive",
    b"\x28\xb5\x2f\xfd": "Zstandard archive",
    b"YUV4MPEG2": "Y4M video",
    b"FLV\1": "Flash video",
    b"#ROSBAG": "ROS bag",
    b"\x89MCAP": "MCAP recording",
    b"\xabKTX": "KTX texture",
    b"icns": "Apple icon",
    b"\0\5\x16\7": "AppleDouble file",
    b"MATLAB": "MATLAB file",
    b"PAR1": "Parquet file",
    b"\xff\x0a": "JPEG XL image",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL image",
    b"\xff\x4f\xff\x51": "JPEG 2000 image",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000 image",
}
_TEXTS = {
    b"<svg": "SVG drawing",
    b"<?xml": "XML document",
    b"<!doctype": "web page",
    b"<html": "web page",
    b'{"': "JSON document",
    b"version https://git-lfs": "Git LFS pointer",
    b"/annex/objects/": "git-annex pointer",
    b"data:image/": "data URL",
    b"/9j/": "JPEG as base64 text",
    b"ivborw0kggo": "PNG as base64 text",
}
"""First characters of texts, in lower case, behind white space."""
_DOWNLOADED = "It may have come in place of the image: download the image again."
_ADVICE = {
    "archive": "Unpack it and send the images that are in it.",
    "video": "Save its frames as JPEG or PNG.",
    "bag": "Save its frames as JPEG or PNG.",
    "recording": "Save its frames as JPEG or PNG.",
    "page": _DOWNLOADED,
    "XML document": _DOWNLOADED,
    "JSON document": _DOWNLOADED,
    "Git LFS pointer": "Fetch the image itself with `git lfs pull`.",
    "git-annex pointer": "Fetch the image itself with `git annex get`.",
    "AppleDouble file": "macOS writes it beside each image: send the image itself.",
    "URL": "Decode it and send the bytes.",
    "text": "Decode it and send the bytes.",
}
"""What to do with files that no program converts, by their name or its last word."""
_IMAGES = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG"}
_CHANGED = (b"\x89PNG", b"\xc2\x89PNG", b"\xef\xbf\xbd", b"\xc3\xbf\xc3\x98")
"""First bytes of images that were handled as text: other line ends, or characters for bytes."""
_AN = ("Apple", "AVI", "HDF5", "IFF", "MCAP", "MNG", "MP4", "OpenEXR", "SGI", "SVG", "XML", "xz")
"""Names that begin with the sound of a vowel."""
SPACES = (b"#", b" ", b"\t", b"\n", b"\r")
"""What follows the first two bytes of a Netpbm image."""
_TGA_END = b"TRUEVISION-XFILE.\0"
_BOXES = {b"qt  ": "QuickTime video", b"jxl ": "JPEG XL image"}


def unsupported(file: FileBytes) -> RoadmaskError:
    """The error for a file in none of the formats that are read, with its name if it is known."""
    head = file.peek(0, 4096)
    for signature, name in RAW_SIGNATURES.items():
        if head.startswith(signature):
            return raw_photo(name)
    if head[6:14] == b"HEAPCCDR" or head[6:10] == b"HEAP":
        return raw_photo(CRW)
    text = head.lstrip(b"\xef\xbb\xbf\t\n\r ").lower()
    name = next((name for start, name in _SIGNATURES.items() if head.startswith(start)), "")
    if head[4:8] == b"ftyp":
        if head[8:12] == b"crx ":
            return raw_photo(CR3)
        name = _BOXES.get(head[8:12], "MP4 video")
    elif head[:4] == b"RIFF":
        name = {b"AVI ": "AVI video", b"WAVE": "WAVE sound"}.get(head[8:12], "RIFF file")
    elif head[:1] == b"P" and head[1:2] in b"1234567Ff" and head[2:3] in SPACES:
        name = "Netpbm image"
    elif head[257:262] == b"ustar":
        name = "tar archive"
    elif head[128:132] == b"DICM":
        name = "DICOM image"
    name = name or next((name for start, name in _TEXTS.items() if text.startswith(start)), "")
    name = name or _without_signature(file)
    if not name:
        return _damaged_start(head)
    article = "an" if name.startswith(_AN) else "a"
    last = name.rpartition(" ")[2]
    advice = _ADVICE.get(name) or _ADVICE.get(last, "Convert it to JPEG or PNG.")
    return UnsupportedFormat(f"The file is {article} {name}, which is not supported. {advice}")


def _damaged_start(head: bytes) -> RoadmaskError:
    """The error for a file without a known name."""
    if head.startswith(_CHANGED):
        return ImageUnreadable(
            "The bytes of the image were changed as if they were text. Copy the file again, in "
            "binary mode."
        )
    if not head.strip(b"\0"):
        return ImageUnreadable(
            f"The first {len(head):,} bytes of the file are zeros: its data were not written. "
            "Copy or record it again."
        )
    for start, name in _IMAGES.items():
        if (at := head.find(start)) > 0:
            return UnsupportedFormat(
                f"The file has {at:,} other bytes in front of its {name} image. Remove them, or "
                "save the image again."
            )
    return UnsupportedFormat(
        "The file is not an image in a known format, or its header is cut off. Convert the file "
        "to JPEG, PNG, WebP, TIFF, BMP, HEIC or AVIF, or copy it again."
    )


def _without_signature(file: FileBytes) -> str:
    """Icons and TGA, whose first bytes are numbers that other files may begin with, too."""
    head = file.peek(0, 22)
    if len(head) < 22:
        return ""
    is_icon = head[:2] == b"\0\0" and head[2:4] in (b"\1\0", b"\2\0") and head[4:6] != b"\0\0"
    if is_icon and head[9] == 0:
        return "Windows icon" if head[2] == 1 else "Windows cursor"
    has_map, kind, depth = head[1], head[2], head[16]
    is_tga = has_map in (0, 1) and kind in (1, 2, 3, 9, 10, 11) and depth in (8, 15, 16, 24, 32)
    has_size = head[12:14] != b"\0\0" and head[14:16] != b"\0\0"
    is_named = file.peek(file.size - len(_TGA_END), len(_TGA_END)) == _TGA_END
    return "TGA image" if is_named or (is_tga and has_size) else ""
