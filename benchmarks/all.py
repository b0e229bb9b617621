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
    detail: str = ""
    """The same as that of its section."""

    @property
    def file(self) -> str:
        """Name of its section in the folder of sections."""
        return section_file(self.name, self.model, self.detail)

    def execute(self, sections: Path, data: Path | None) -> bool:
        """Measure in a separate process. False if that failed or wrote another section."""
        words: list[str | Path] = [*self.arguments.split(), "--out", sections]
        if data and self.name == "engines":
            words += ["--data", data]
        env = os.environ | ({"ROADMASK_MODEL": self.model} if self.model else {})
        command = [sys.executable, "-m", f"benchmarks.{self.name}", *words]
        done = subprocess.run(command, env=env, check=False)
        return done.returncode == 0 and (sections / self.file).exists()


# The figures that the others are compared with come first.
RUNS = (
    Run("engines", 8, "--repeats 3 --images 50"),
    # So many images that segmenting a folder again takes longer than its fixed pauses.
    Run("service", 5, "--images 128 --repeats 3", "street_unet"),
    Run("service", 5, "--images 256 --repeats 3", "vgg_unet"),
    Run("unchanged", 2),
    Run("costs", 2, "--images 64 --repeats 2", "street_unet"),
    Run("costs", 2, "--images 64 --repeats 2", "vgg_unet"),
    *(
        Run(
            "peers",
            8,
            f"--images {images} --repeats 2 --size {size} --engine auto",
            model,
            f"{size}, engine auto",
        )
        for model, images, size in (
            ("street_unet", 96, "480x360"),
            ("street_unet", 96, "2048x1024"),
            ("vgg_unet", 48, "2048x1024"),
        )
    ),
    Run("peers", 8, "--images 24 --repeats 1", "vgg_unet", "2048x1024, engine keras and auto"),
    Run("latency", 3, "--images 30 --backlog 700 --seconds 5 --repeats 3", "street_unet"),
    Run("latency", 3, "--images 40 --backlog 900 --seconds 3 --repeats 3", "vgg_unet"),
    Run("api", 1.5),
    # The smallest network, so that 10,000 images take minutes.
    Run(
        "scale",
        6,
        "--items 1000 --items 100000 --items 1000000 --workers 1 --workers 2 --images 64"
        " --repeats 1 --long 10000",
        "unet_mini",
    ),
    Run("training", 5, "--steps 4 --repeats 3"),
    Run("first_view", 1),
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
