"""`python -m benchmarks.all`: every section of docs/performance.md, then the page itself.

The sizes suit 2 idle cores. A finished section is kept, so that the command resumes after an
interruption.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks import page
from benchmarks.harness.section import section_file


@dataclass(frozen=True)
class Run:
    """One run of a benchmark."""

    name: str
    minutes: float
    """Approximate duration."""
    arguments: str = ""
    model: str = ""

    @property
    def file(self) -> str:
        """Name of its section in the folder of sections."""
        return section_file(self.name, self.model)

    def execute(self, sections: Path, data: Path | None) -> bool:
        """Measure in a separate process. False if that failed."""
        words: list[str | Path] = [*self.arguments.split(), "--out", sections]
        if data and self.name == "engines":
            words += ["--data", data]
        env = os.environ | ({"ROADMASK_MODEL": self.model} if self.model else {})
        command = [sys.executable, "-m", f"benchmarks.{self.name}", *words]
        return subprocess.run(command, env=env, check=False).returncode == 0


# The figures that the others are compared with come first.
RUNS = (
    Run("engines", 8, "--repeats 3 --images 50"),
    Run("service", 3, "--images 64 --repeats 3", "vgg_unet"),
    # So many images that segmenting a folder again takes longer than its fixed pauses.
    Run("service", 5, "--images 256 --repeats 3", "street_unet"),
    Run("unchanged", 2),
    Run("costs", 1.5, "--images 64 --repeats 3", "street_unet"),
    Run("costs", 2, "--images 64 --repeats 3", "vgg_unet"),
    Run("latency", 2, "--images 60 --backlog 1500 --repeats 3", "street_unet"),
    Run("latency", 2.5, "--images 30 --backlog 600 --repeats 3", "vgg_unet"),
    Run("peers", 6, "--images 32 --repeats 3", "vgg_unet"),
    Run("peers", 6, "--images 64 --repeats 3", "street_unet"),
    Run("api", 1.5),
    Run("first_view", 1),
    # The smallest network, so that 10,000 images take minutes.
    Run("scale", 4, "", "unet_mini"),
    Run("training", 4, "--steps 2 --repeats 3"),
)


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default="build/sections")
@click.option("--only", multiple=True, type=click.Choice(sorted({run.name for run in RUNS})))
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="For `engines`.")
def main(out: Path, only: tuple[str, ...], data: Path | None) -> None:
    """Measure the sections that are missing in the folder; delete a file to measure it again.

    Exits with 1 if a section failed; the others are kept.
    """
    out.mkdir(parents=True, exist_ok=True)
    todo = [run for run in RUNS if not (out / run.file).exists() and run.name in (only or run.name)]
    print(f"about {sum(run.minutes for run in todo):.0f} minutes", flush=True)
    failed: list[str] = []
    for run in todo:
        print(f"{time.strftime('%H:%M:%S')} {run.file}, about {run.minutes} minutes", flush=True)
        if not run.execute(out.resolve(), data):
            failed.append(run.file)
    if len(failed) < len(todo):
        page.main([str(out)], standalone_mode=False)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
