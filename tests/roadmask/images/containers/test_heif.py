"""The boxes of HEIC and AVIF, written by hand: forms that encoders seldom write."""

import struct

import pytest

from roadmask.errors import UnsupportedFormat
from roadmask.images.sniffing import sniff

OTHER_ITEM = struct.pack(">BxxxIHBB", 0, 1, 2, 1, 1)
PRIMARY = struct.pack(">HBB", 1, 1, 1)
SIZE = struct.pack(">III", 0, 12, 8)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def avif(*tables: bytes, properties: bytes = box(b"ispe", SIZE)) -> bytes:
    """An AVIF of which item 1 is the primary image, without data."""
    associations = b"".join(box(b"ipma", table) for table in tables)
    meta = (
        bytes(4)
        + box(b"pitm", struct.pack(">IH", 0, 1))
        + box(b"iloc", bytes(8))
        + box(b"iprp", box(b"ipco", properties) + associations)
    )
    return box(b"ftyp", b"avif" + bytes(4) + b"avif") + box(b"meta", meta)


def test_the_properties_of_an_item_may_be_in_any_table() -> None:
    of_long_ids = struct.pack(">BxxxIIBB", 1, 1, 1, 1, 1)
    for tables in ((of_long_ids, OTHER_ITEM), (OTHER_ITEM, of_long_ids)):
        facts = sniff(avif(*tables), 1_000)
        assert (facts.width, facts.height) == (12, 8)


def test_two_tables_of_one_kind_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedFormat, match="two boxes ipma of one kind"):
        sniff(avif(struct.pack(">II", 0, 1) + PRIMARY, OTHER_ITEM), 1_000)


def test_an_image_without_a_size_is_refused_by_name() -> None:
    table = struct.pack(">II", 0, 1) + PRIMARY
    with pytest.raises(UnsupportedFormat, match="does not state the size"):
        sniff(avif(table, properties=box(b"pixi", bytes(8))), 1_000)


def test_a_profile_counts_beside_the_numbers_of_the_colours() -> None:
    table = struct.pack(">II", 0, 1) + struct.pack(">HBBBB", 1, 3, 1, 2, 3)
    profile, numbers = b"prof a profile", b"nclx" + struct.pack(">HHHB", 9, 16, 9, 128)
    for colors in ((profile, numbers), (numbers, profile)):
        boxes = box(b"ispe", SIZE) + b"".join(box(b"colr", content) for content in colors)
        facts = sniff(avif(table, properties=boxes), 1_000)
        assert facts.icc_profile == b" a profile"
        assert facts.hdr_curve == "PQ"
