"""`python -m benchmarks.page FOLDER`: docs/performance.md from the sections that runs have left."""

from __future__ import annotations

from pathlib import Path

import click

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
READING = PAGE.parent / "performance" / "reading.md"
"""Written by hand; the page ends with it."""
ORDER = ("engines", "service", "costs", "peers", "latency", "api", "scale", "training", "data")
INTRODUCTION = """\
# Performance

Each table was written by the command above it, in one run on one machine; below it stand the
processor and the versions. What counts are the ratios, taken side by side within a repeat. `make
bench-all` takes most of an hour on 2 cores that have nothing else to do, and goes on where it was
stopped; a section by itself is `python -m benchmarks.NAME --out FOLDER`, and `--smoke` shows in a
minute or two what its table looks like. Services run on the engine that `auto` takes, which may be
int8 once `roadmask tune MODEL --data FOLDER` was run.
"""


@click.command()
@click.argument("sections", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(sections: Path) -> None:
    """Put the page together; sections that were not measured are left out."""
    found = [path for name in ORDER for path in sorted(sections.glob(f"{name}*.md"))]
    if not found:
        raise click.UsageError(f"{sections} holds no sections.")
    found += [READING] if READING.exists() else []
    PAGE.write_text("\n".join([INTRODUCTION, *(path.read_text() for path in found)]))


if __name__ == "__main__":
    main()
