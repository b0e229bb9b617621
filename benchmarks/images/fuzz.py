"""`python -m benchmarks.images.fuzz`: damaged image files against the door and the decoders.

Mutants of the cases in `tests/roadmask/images/cases`: flipped bits, extreme numbers, cut, doubled
and exchanged pieces, with right checksums. Each is sniffed and decoded in a process whose memory is
watched. A fault is an exception that is no `ItemError`, a shape that is not the header's, a crash,
more than 10 s of a processor, or more memory than 8 bytes for each pixel and 64 MB; its file is
kept. The seed and the number of a mutant make it again.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import re
import sys
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import click

from roadmask.errors import ItemError
from roadmask.images.decoding import decode, decode_sniffed
from roadmask.images.sniffing import sniff
from roadmask.machine import map_large_blocks, share_heap
from roadmask.memory_limit import FIXED_BYTES
from tests.harness.images.cases import cases

MAX_PIXELS = 4_000_000
SECONDS = 10.0
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
LARGEST_SEED = 40_000
BYTES_FOR_EACH_PIXEL = 8
BATCH = 64
"""Mutants of which the peak of memory is read once."""
HANG_S = 120
GOOD = ("read", "refused")


@dataclass
class Batch:
    """What came of the mutants from number `first` on."""

    first: int
    counts: Counter[str] = field(default_factory=Counter)
    faults: dict[int, str] = field(default_factory=dict)


def mutant(seed: int, number: int, seeds: list[bytes]) -> bytes:
    rng = random.Random(f"{seed} {number}")
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        # Headers are where the meaning is.
        reach = min(len(data), rng.choice((40, 200, 1000, len(data))))
        at = rng.randrange(max(1, reach))
        match rng.randrange(7):
            case 0:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 1:
                data[at % len(data)] = rng.randrange(256)
            case 2 | 3:
                length, order = rng.choice((1, 2, 4)), rng.choice(("little", "big"))
                value = rng.choice(EXTREMES) % 256**length
                data[at : at + length] = value.to_bytes(length, order)
            case 4:
                del data[rng.randrange(1, len(data) + 1) :]
            case 5:
                piece = data[at : at + rng.randrange(1, 64)]
                data[at:at] = piece
            case 6:
                other = rng.choice(seeds)
                start = rng.randrange(len(other))
                piece = bytearray(other[start : start + rng.randrange(1, 64)])
                data[at : at + len(piece)] = piece
        if not data:
            return b"\0"
    return _with_checksums(bytes(data)) if data.startswith(b"\x89PNG") else bytes(data)


def _with_checksums(png: bytes) -> bytes:
    """The PNG with right checksums, as far as its chunks can be followed."""
    data, at = bytearray(png), 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            break
        checksum = zlib.crc32(data[at + 4 : at + 8 + length])
        data[at + 8 + length : at + 12 + length] = checksum.to_bytes(4, "big")
        at += 12 + length
    return bytes(data)


def examine(data: bytes) -> tuple[str, int]:
    """What is wrong with how the file is handled, `read` or `refused` if nothing is; its pixels."""
    start, area = time.process_time(), 0
    outcome = "refused"
    try:
        facts = sniff(data, MAX_PIXELS)
        area = facts.width * facts.height
        pixels = decode_sniffed(data, facts, MAX_PIXELS).pixels
        outcome = "read"
        if pixels.shape != (facts.height, facts.width, 3):
            outcome = f"shape {pixels.shape} of {facts}"
    except ItemError:
        pass
    except Exception:
        outcome = "exception " + " ".join(traceback.format_exc().splitlines()[-3:])
    seconds = time.process_time() - start
    return (f"took {seconds:.0f} s" if seconds > SECONDS else outcome), area


def examine_alone(data: bytes) -> str:
    """Like `examine`, with the memory that this file takes."""
    before = _begin_peak()
    outcome, area = examine(data)
    taken = _memory("VmHWM") - before
    is_over = taken > BYTES_FOR_EACH_PIXEL * area + FIXED_BYTES
    return f"took {taken >> 20} MB" if is_over else outcome


def examine_batch(batch: Batch, mutants: Iterator[tuple[int, bytes]]) -> None:
    before, examined = _begin_peak(), []
    for number, data in mutants:
        examined.append((number, data, examine(data)[0]))
    # Half of what a mutant without pixels may take: no mutant of the batch took too much.
    has_peak = _memory("VmHWM") - before > FIXED_BYTES // 2
    for number, data, outcome in examined:
        if has_peak and outcome in GOOD:
            outcome = examine_alone(data)
        batch.counts[outcome if outcome in GOOD else "fault"] += 1
        if outcome not in GOOD:
            batch.faults[number] = outcome


def _is_sandboxed(data: bytes) -> bool:
    """Whether a worker decodes the file in its sandbox, where a crash ends nothing else."""
    try:
        return sniff(data, MAX_PIXELS).needs_sandbox
    except ItemError:
        return False


def _begin_peak() -> int:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return _memory("VmRSS")


def _memory(entry: str) -> int:
    text = Path("/proc/self/status").read_text()
    found = re.search(rf"{entry}:\s+(\d+)", text)
    assert found
    return int(found[1]) * 1024


def _serve(pipe: Connection, now: Synchronized[int], seed: int, first: int, skip: Set[int]) -> None:
    """Examine batches without end; `now` is the number of the mutant in hand."""
    # What is freed goes back at once, so that a peak is that of one batch.
    share_heap()
    map_large_blocks()
    # Decoders complain about each mutant.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    for data in cases().values():
        # Libraries load what they need once; that is not the memory of a mutant.
        try:
            decode(data, MAX_PIXELS)
        except ItemError:
            continue
    seeds = _seeds()

    def mutants(numbers: range) -> Iterator[tuple[int, bytes]]:
        for number in numbers:
            if number not in skip:
                now.value = number
                yield number, mutant(seed, number, seeds)

    while True:
        batch = Batch(first)
        examine_batch(batch, mutants(range(first, first + BATCH)))
        pipe.send(batch)
        first += BATCH


def _seeds() -> list[bytes]:
    return [data for data in cases().values() if len(data) <= LARGEST_SEED]


class Run:
    """The processes that examine mutants, one after the other, and what they have found."""

    def __init__(self, seed: int, keep: Path) -> None:
        self.seed, self._keep = seed, keep
        self._context = multiprocessing.get_context("spawn")
        self._now: Synchronized[int] = self._context.Value("q", 0, lock=False)
        self._skip: set[int] = set()
        self._first = 0
        self.counts: Counter[str] = Counter()
        self.start()

    def start(self) -> None:
        self._pipe, other = self._context.Pipe()
        arguments = (other, self._now, self.seed, self._first, frozenset(self._skip))
        self._process = self._context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        other.close()

    def stop(self) -> None:
        self._process.kill()
        self._process.join()

    def take(self) -> None:
        """Take the next batch. After a crash it is examined again without its cause."""
        number = -1
        while not self._pipe.poll(HANG_S):
            if number == self._now.value:
                self._end("hang")
                return
            number = self._now.value
        try:
            batch = self._pipe.recv()
        except EOFError:
            self._end("crash")
            return
        self.counts += batch.counts
        for number, outcome in batch.faults.items():
            self._save(number, outcome)
        self._first = batch.first + BATCH

    def _end(self, cause: str) -> None:
        self.stop()
        number = self._now.value
        if _is_sandboxed(self._mutant(number)):
            cause = f"{cause}, of a sandboxed format"
        self.counts[cause] += 1
        self._save(number, cause)
        self._skip.add(number)
        self.start()

    def _mutant(self, number: int) -> bytes:
        return mutant(self.seed, number, _seeds())

    def _save(self, number: int, outcome: str) -> None:
        data = self._mutant(number)
        self._keep.mkdir(exist_ok=True)
        name = hashlib.sha256(data).hexdigest()[:12]
        (self._keep / name).write_bytes(data)
        print(f"{number}, {name}: {outcome}", flush=True)


@click.command()
@click.option("--minutes", default=10.0, show_default=True)
@click.option(
    "--seed", default=None, type=int, help="Of the mutants.  [default: another each time]"
)
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), default="fuzz-found")
def fuzz(minutes: float, seed: int | None, keep: Path) -> None:
    """Examine mutants for so many minutes, and keep those that show a fault."""
    run = Run(random.SystemRandom().randrange(2**32) if seed is None else seed, keep)
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        run.take()
    run.stop()
    print(f"seed {run.seed}: {run.counts.total():,} mutants, {dict(run.counts)}")


if __name__ == "__main__":
    fuzz()
