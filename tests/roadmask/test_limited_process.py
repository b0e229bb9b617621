"""What goes wrong in the process ends that process, and says so."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from roadmask.errors import DeadlineExceeded, ImageTooLarge, ImageUnreadable, StoreUnavailable
from roadmask.limited_process import LimitedProcess


@pytest.fixture(autouse=True)
def find_the_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.fixture
def process() -> Iterator[LimitedProcess]:
    process = LimitedProcess("tests.harness.limited_functions", seconds=30)
    yield process
    process.close()


def test_calls_are_answered_by_one_process(process: LimitedProcess) -> None:
    blocks = (b"a" * 3_000_000 for _ in range(3))
    assert process.call("joined", blocks, [b"b"]) == b"a" * 9_000_000 + b"|b"
    assert process.call("joined", [], [b"c"], repeat=2) == b"|c|c"
    first = process.call("process_id")
    with ThreadPoolExecutor(4) as threads:
        others = {future.result() for future in [threads.submit(process.call, "process_id")] * 4}
    assert others == {first}
    assert process.call("chatter") == b"quiet"


def test_errors_come_back_as_they_are(process: LimitedProcess) -> None:
    with pytest.raises(ImageTooLarge, match=r"^The image is too large\.$"):
        process.call("refuse")


def test_a_crash_ends_the_process_and_the_next_call_starts_another(process: LimitedProcess) -> None:
    first = process.call("process_id")
    with pytest.raises(ImageUnreadable, match="decoder crashed"):
        process.call("crash")
    assert process.call("process_id") not in (b"", first)


def test_a_call_that_takes_too_long_is_ended() -> None:
    process = LimitedProcess("tests.harness.limited_functions", seconds=2)
    with pytest.raises(DeadlineExceeded, match="more than 2 s"):
        process.call("hang")
    process.close()


def test_memory_is_what_the_pixels_justify_and_no_more(process: LimitedProcess) -> None:
    assert process.call("take", megabytes=100, width=4000, height=2000) == b"104857600"
    with pytest.raises(ImageUnreadable, match="far more memory than its size justifies"):
        process.call("take", megabytes=300, width=4000, height=2000)
    # The limit is that of one call.
    assert process.call("take", megabytes=300, width=8000, height=6000) == b"314572800"


def test_a_part_that_breaks_off_is_not_mixed_with_the_next_call(process: LimitedProcess) -> None:
    def broken() -> Iterator[bytes]:
        yield b"a"
        raise StoreUnavailable("The store is away.")

    with pytest.raises(StoreUnavailable):
        process.call("joined", broken())
    assert process.call("joined", [b"b"]) == b"b"
