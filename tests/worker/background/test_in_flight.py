"""The in-flight table, read by another process while its writer lives, and after its death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.harness.waiting import wait_until
from worker.background.in_flight import SLOTS, InFlightTable
from worker.memory_file import memory_file

WRITER = """
import sys, time
from worker.background.in_flight import InFlightTable
table = InFlightTable(int(sys.argv[1]))
with table.entry(60, {"image": "a"}), table.entry(2.5, {"image": "b"}):
    table.beat()
    time.sleep(60)
"""


@pytest.fixture
def file() -> Iterator[int]:
    with memory_file() as file:
        yield file.fileno()


def test_entries_outlive_a_process_that_is_killed(file: int) -> None:
    table = InFlightTable(file)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(file)], pass_fds=[file])
    try:
        wait_until(lambda: table.beats == 1)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    facts = [(entry.limit_s, entry.facts) for entry in table.entries()]
    assert facts == [(60, {"image": "a"}), (2.5, {"image": "b"})]
    assert not table.closed


def test_entries_go_when_their_block_ends(file: int) -> None:
    table, reader = InFlightTable(file), InFlightTable(os.dup(file))
    with table.entry(1, {"n": 1}):
        with table.entry(1, {"n": 2}):
            assert [entry.facts["n"] for entry in reader.entries()] == [1, 2]
        assert [entry.facts["n"] for entry in reader.entries()] == [1]
    assert reader.entries() == []
    table.close()
    assert reader.closed


def test_a_full_table_and_a_long_text_keep_nothing_and_harm_nothing(file: int) -> None:
    table = InFlightTable(file)
    with table.entry(1, {"image": "x" * 1024}):
        assert table.entries() == []
    with ExitStack() as entries:
        for n in range(SLOTS + 5):
            entries.enter_context(table.entry(1, {"n": n}))
        assert [entry.facts["n"] for entry in table.entries()] == list(range(SLOTS))
    assert table.entries() == []
    with table.entry(1, {"n": "again"}):
        assert len(table.entries()) == 1


def test_a_reader_sees_only_whole_entries(file: int) -> None:
    table, reader = InFlightTable(file), InFlightTable(os.dup(file))

    def write(n: int) -> None:
        for _ in range(300):
            with table.entry(n, {"n": n, "text": "x" * (n * 30)}):
                pass

    with ThreadPoolExecutor(4) as threads:
        writers = [threads.submit(write, n) for n in range(1, 5)]
        while not all(writer.done() for writer in writers):
            for entry in reader.entries():
                assert entry.facts["text"] == "x" * (entry.facts["n"] * 30)
        for writer in writers:
            writer.result()
