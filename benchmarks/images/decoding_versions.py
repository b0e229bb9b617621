"""`python -m benchmarks.images.decoding_versions CHECKOUT`: decoding here and in another revision.

`CHECKOUT` is a worktree of that revision with its own `.venv` (`make setup`). Each revision decodes
in a process of its own, the files in turn, so that both meet the same load of the machine. The
ratio is that of the fastest decodings, and the median of the ratios within each round; below 1 this
revision is faster.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks.harness import pictures
from benchmarks.images.decoding import Picture, by_pillow

HERE = Path(__file__).parents[2]
SIZES = ("480x360", "1920x1080")
DECODER = """
import sys, time
from pathlib import Path
try:
    from roadmask.images.decoding import decode
except ImportError:
    from roadmask.pixels import decode
for line in sys.stdin:
    times, name = line.split(maxsplit=1)
    data = Path(name.strip()).read_bytes()
    begun = time.process_time()
    for _ in range(int(times)):
        decode(data, 100_000_000)
    print((time.process_time() - begun) / int(times), flush=True)
"""


class Revision:
    """A checkout whose code decodes in a process of its own."""

    def __init__(self, root: Path) -> None:
        self._process = subprocess.Popen(
            [root / ".venv/bin/python", "-c", DECODER],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, file: Path, times: int) -> float:
        """Of the processor, for one decoding, as the mean of so many."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{times} {file}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


def files() -> Iterator[tuple[str, bytes]]:
    for size in SIZES:
        picture: Picture = pictures.scene(0, pictures.parse_size(size))
        kinds: list[tuple[str, str, dict[str, Any]]] = [
            ("JPEG", "JPEG", {"quality": 90}),
            ("JPEG, progressive", "JPEG", {"quality": 90, "progressive": True}),
            ("PNG", "PNG", {}),
        ]
        for name, kind, options in kinds:
            yield f"{name}, {size}", by_pillow(picture, kind, **options)


@click.command()
@click.argument("checkout", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--rounds", default=25, show_default=True)
def decoding_versions(checkout: Path, rounds: int) -> None:
    """Print how long both revisions decode each kind of file."""
    print("| file | ms there | ms here | fastest | median ratio |\n|---|---|---|---|---|")
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Revision(checkout)) as there,
        closing(Revision(HERE)) as here,
    ):
        for name, data in files():
            file = Path(folder, "picture")
            file.write_bytes(data)
            times = max(1, 2_000_000 // len(data))
            before: list[float] = []
            after: list[float] = []
            for number in range(rounds + 1):
                order = [(there, before), (here, after)]
                for revision, found in order if number % 2 else reversed(order):
                    found.append(revision.seconds(file, times))
            # The first round loads the decoders.
            before, after = before[1:], after[1:]
            ratio = median(new / old for new, old in zip(after, before, strict=True))
            fastest = min(after) / min(before)
            row = [1000 * min(before), 1000 * min(after), fastest, ratio]
            print(f"| {name} | {' | '.join(f'{value:.3f}' for value in row)} |", flush=True)


if __name__ == "__main__":
    sys.exit(decoding_versions())
