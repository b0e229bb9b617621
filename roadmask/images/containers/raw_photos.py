"""Raw photos, many of them TIFFs with a thumbnail in front: refused by their own name."""

from __future__ import annotations

from roadmask.errors import UnsupportedFormat
from roadmask.images.containers.tiff_directory import TiffDirectory, sub_directories

DNG_VERSION = 50706
_SENSOR = frozenset({32803, 34892})
"""Photometric interpretations of sensor data: a colour filter array, or linear raw."""
_MAKERS = {
    "nikon": "Nikon NEF", "canon": "Canon CR2", "sony": "Sony ARW", "pentax": "Pentax PEF",
    "ricoh": "Pentax PEF", "samsung": "Samsung SRW", "kodak": "Kodak DCR", "epson": "Epson ERF",
    "hasselblad": "Hasselblad 3FR", "leica": "Leica RWL", "phase one": "Phase One IIQ",
    "mamiya": "Mamiya MEF", "olympus": "Olympus ORF", "panasonic": "Panasonic RW2",
}  # fmt: skip
RAW_SIGNATURES = {
    b"IIRO": "Olympus ORF",
    b"IIRS": "Olympus ORF",
    b"MMOR": "Olympus ORF",
    b"IIU\0": "Panasonic RW2",
    b"FUJIFILMCCD-RAW": "Fujifilm RAF",
    b"FOVb": "Sigma X3F",
    b"\0MRM": "Minolta MRW",
}
"""First bytes of raw photos that are no TIFFs."""
CR3, CRW, DNG = "Canon CR3", "Canon CRW", "DNG"
_MORE_SUFFIXES = frozenset({".fff", ".kdc", ".mos", ".nrw", ".sr2", ".srf"})
"""Of older or rarer kinds by the same makers."""
RAW_SUFFIXES = _MORE_SUFFIXES | {
    f".{name.split()[-1].lower()}"
    for name in (*_MAKERS.values(), *RAW_SIGNATURES.values(), CR3, CRW, DNG)
}
"""Suffixes of raw photos: each name ends with its suffix."""
_COMPRESSIONS = frozenset({34713, 32767, 32769, 65000, 65535, 32770})
"""Compressions that only raw photos have."""


def raw_photo(name: str) -> UnsupportedFormat:
    """The error for a raw photo of this name."""
    return UnsupportedFormat(
        f"The file is a raw photo ({name}). Develop it: save it from your photo software as a "
        "16-bit TIFF or a JPEG."
    )


def check_no_raw_photo(first: TiffDirectory) -> None:
    """Raise `UnsupportedFormat` if the pages are those of a raw photo of a camera."""
    if DNG_VERSION in first:
        raise raw_photo(DNG)
    maker = first.text(271).lower()
    name = next((name for word, name in _MAKERS.items() if maker.startswith(word)), "")
    if first.file.peek(8, 2) == b"CR":
        raise raw_photo("Canon CR2")
    pages = [first, *sub_directories(first)]
    has_sensor_data = any(
        page.number(262, -1) in _SENSOR or page.number(259, 1) in _COMPRESSIONS for page in pages
    )
    # Sensor data in the first page itself are a plain TIFF, whose pattern may be known.
    if has_sensor_data and (name or len(pages) > 1 or first.number(262, -1) not in _SENSOR):
        raise raw_photo(name or "a camera's own format")
    # ARW of older cameras names its sensor data in a private tag only.
    if name == "Sony ARW" and 50740 in first:
        raise raw_photo(name)
