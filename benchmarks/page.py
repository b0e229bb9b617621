"""`python -m benchmarks.page FOLDER`: docs/performance.md with the measured sections of a folder.

The page has sections of several machines. A new section takes the place of the one with its
heading, whatever the model's version; the others stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
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
    "training",
    "first_view",
    "data",
)
INTRODUCTION = """\
# Performance

Each table was written by the command above it, in one run on one machine. The line below it names
the processor and the versions. Compare ratios, which are taken within a repeat, rather than figures
of different tables. `make bench-all` takes more than an hour on 2 idle cores, resumes after an
interruption, and leaves the sections of other kinds of processors as they are.
`python -m benchmarks.NAME --out FOLDER` measures one section; `--smoke` shows its table after a
minute or two. Services use the engine that `auto` chooses, which may be int8 after
`roadmask tune MODEL --data FOLDER`.
"""


def sections_of(text: str) -> Iterator[tuple[str, str]]:
    """The sections in a text with their headings. Those that no page has are left out."""
    for section in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
        if benchmark(section) in ORDER:
            yield section.splitlines()[0].removeprefix("## "), section.strip() + "\n"


def benchmark(section: str) -> str:
    """Name of the benchmark whose command the section has. Empty if it has none."""
    command = re.search(r"^```\n.*python -m benchmarks\.(\w+)", section, re.MULTILINE)
    return command[1] if command else ""


def page(texts: Iterable[str]) -> str:
    """The page with the sections of the texts, of which later ones count."""
    found = {
        re.sub(r"@\w+", "", heading): section
        for text in texts
        for heading, section in sections_of(text)
    }
    ordered = sorted(found.values(), key=lambda section: ORDER.index(benchmark(section)))
    return "\n".join([INTRODUCTION, *ordered, READING.read_text()])


@click.command()
@click.argument("sections", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(sections: Path) -> None:
    """Write the page. What the folder has no section of stays as it is."""
    found = [path.read_text() for path in sorted(sections.glob("*.md"))]
    if not any(any(sections_of(text)) for text in found):
        raise click.UsageError(f"{sections} holds no sections.")
    PAGE.write_text(page([PAGE.read_text(), *found]))


if __name__ == "__main__":
    main()
