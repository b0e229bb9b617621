"""`python -m benchmarks.page FOLDER`: docs/performance.md from the sections that runs have left."""

from __future__ import annotations

from pathlib import Path

import click

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
ORDER = ("engines", "service", "peers", "latency", "api", "scale", "training", "data")
INTRODUCTION = """\
# Performance

Each table was written by the command above it, in one run on one machine; below it stand the
processor and the versions. What counts are the ratios, taken side by side within a repeat. A whole
page takes hours: each section by `python -m benchmarks.NAME --out FOLDER`; `--smoke` shows in a
minute or two what a table looks like.
"""


@click.command()
@click.argument("sections", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(sections: Path) -> None:
    """Put the page together; sections that were not measured are left out."""
    found = [path for name in ORDER if (path := sections / f"{name}.md").exists()]
    PAGE.write_text("\n".join([INTRODUCTION, *(path.read_text() for path in found)]))


if __name__ == "__main__":
    main()
