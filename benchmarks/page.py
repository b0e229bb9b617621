"""`python -m benchmarks.page FOLDER`: docs/performance.md from measured sections."""

from __future__ import annotations

from pathlib import Path

import click

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
READING = PAGE.parent / "performance" / "reading.md"
"""The end of the page, written by hand."""
ORDER = (
    "engines",
    "service",
    "unchanged",
    "costs",
    "peers",
    "latency",
    "api",
    "scale",
    "scale_out",
    "first_view",
    "training",
    "data",
)
INTRODUCTION = """\
# Performance

Each table was written by the command above it, in one run on one machine. The line below it names
the processor and the versions. Compare ratios, which are taken within a repeat, rather than figures
of different tables. `make bench-all` takes most of an hour on 2 idle cores, and resumes after an
interruption. `python -m benchmarks.NAME --out FOLDER` measures one section; `--smoke` shows its
table after a minute or two. Services use the engine that `auto` chooses, which may be int8 after
`roadmask tune MODEL --data FOLDER`.
"""


@click.command()
@click.argument("sections", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(sections: Path) -> None:
    """Write the page; sections that were not measured are left out."""
    found = [path for name in ORDER for path in sorted(sections.glob(f"{name}*.md"))]
    if not found:
        raise click.UsageError(f"{sections} holds no sections.")
    found += [READING] if READING.exists() else []
    PAGE.write_text("\n".join([INTRODUCTION, *(path.read_text() for path in found)]))


if __name__ == "__main__":
    main()
