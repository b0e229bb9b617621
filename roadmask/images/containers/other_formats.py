"""Formats that are not read, recognized by their first bytes, so that the refusal names them."""

from __future__ import annotations

from roadmask.errors import RoadmaskError, UnsupportedFormat
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
    b"#?RADIANCE": "Radiance HDR image",
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
    b"<svg": "SVG drawing",
    b"<?xml": "XML document",
    b"<!DOCTYPE": "web page",
    b"<html": "web page",
    b"\xff\x0a": "JPEG XL image",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL image",
    b"\xff\x4f\xff\x51": "JPEG 2000 image",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000 image",
}
_AN = ("AVI", "HDF5", "IFF", "MNG", "MP4", "OpenEXR", "SGI", "SVG", "XML")
"""Names that begin with the sound of a vowel."""
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
    name = next((name for start, name in _SIGNATURES.items() if head.startswith(start)), "")
    if head[4:8] == b"ftyp":
        if head[8:12] == b"crx ":
            return raw_photo(CR3)
        name = _BOXES.get(head[8:12], "MP4 video")
    elif head[:4] == b"RIFF":
        name = {b"AVI ": "AVI video", b"WAVE": "WAVE sound"}.get(head[8:12], "RIFF file")
    elif head[:1] == b"P" and head[1:2] in b"1234567Ff" and head[2:3].isspace():
        name = "Netpbm image"
    elif not name and head.lstrip()[:4].lower() == b"<svg":
        name = "SVG drawing"
    elif not name:
        name = _without_signature(file)
    if name:
        article = "an" if name.startswith(_AN) else "a"
        return UnsupportedFormat(
            f"The file is {article} {name}, which is not supported. Convert it to JPEG or PNG."
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
