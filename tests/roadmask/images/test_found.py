"""Files that `benchmarks.images.fuzz` has found, each with a fault that it showed once."""

import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from roadmask.errors import ItemError
from roadmask.images.decoding import decode
from roadmask.images.sniffing import sniff
from roadmask.limited_process import LimitedProcess

ARCHIVE = Path(__file__).parent / "cases" / "found.tar.xz"
MAX_PIXELS = 4_000_000


def found() -> dict[str, bytes]:
    with tarfile.open(ARCHIVE) as archive:
        members = (member for member in archive if member.isfile())
        return {
            member.name: file.read() for member in members if (file := archive.extractfile(member))
        }


@pytest.fixture(scope="module")
def process() -> Iterator[LimitedProcess]:
    process = LimitedProcess("roadmask.folder.reports.thumbnails", 60)
    yield process
    process.close()


@pytest.mark.parametrize("name", found())
def test_what_was_found_is_read_or_refused(name: str, process: LimitedProcess) -> None:
    data = found()[name]
    with suppress(ItemError):
        if sniff(data, MAX_PIXELS).needs_sandbox:
            process.call("thumbnail", [data], width=64, height=64)
        else:
            decode(data, MAX_PIXELS)
