"""A section of docs/performance.md: the table of one benchmark, and how it was measured."""

from __future__ import annotations

import os
import platform
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import click

from ml.study.machine import processor_name
from ml.study.markdown import table

PACKAGES = ("tensorflow", "openvino", "redis", "uvicorn")
VARIABLES = ("ROADMASK_MODEL", "ROADMASK_ENGINE")
"""Settings of the benchmarks; the command in a section shows them."""
ENVIRONMENT = {key: os.environ[key] for key in VARIABLES if key in os.environ}
"""Their values at the start, because some benchmarks change them."""


@dataclass(frozen=True)
class Section:
    """A table with its heading and an explanation."""

    name: str
    title: str
    explanation: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    model: str = ""
    """`name@version`, if all figures are of one model."""
    detail: str = ""
    """What else tells it from other sections of the benchmark and the model."""

    @property
    def heading(self) -> str:
        """The title with what the figures are of. No two sections of the page have the same."""
        model = f"`{self.model}`" if self.model else ""
        return f"{self.title}: " + ", ".join(filter(None, (model, self.detail, processor_kind())))

    @property
    def markdown(self) -> str:
        lines = [
            f"## {self.heading}",
            self.explanation.strip(),
            f"```\n{command(self.name)}\n```",
            table(self.head, self.rows),
            f"{processor_name()}; {os.cpu_count()} cores; {versions()}.",
        ]
        return "\n\n".join(lines) + "\n"

    def publish(self, out: Path | None) -> None:
        """Print the section, and write it to the folder `out`."""
        print(self.markdown, flush=True)
        if out:
            out.mkdir(parents=True, exist_ok=True)
            (out / section_file(self.name, self.model, self.detail)).write_text(self.markdown)


def section_file(name: str, model: str = "", detail: str = "") -> str:
    """File name of a section: one for each model, if the figures are of one model, and detail."""
    words = (name, model.partition("@")[0], re.sub(r"\W+", "-", detail))
    return "-".join(filter(None, words)) + ".md"


def processor_kind() -> str:
    """What decides which engines this processor runs fast, as Linux tells it."""
    facts = Path("/proc/cpuinfo")
    flags = set(facts.read_text().split()) if facts.exists() else set()
    if "amx_tile" in flags:
        return "a processor with AMX tiles"
    return f"a processor {'with' if 'avx512f' in flags else 'without'} AVX-512"


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every benchmark."""
    for option in (
        click.option(
            "--out",
            type=click.Path(file_okay=False, path_type=Path),
            help="Folder to write the section to.",
        ),
        click.option("--smoke", is_flag=True, help="Tiny sizes, to see that it runs."),
    ):
        function = option(function)
    return function


def size_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of benchmarks that measure several sizes of images."""
    for option in (
        click.option("--size", "sizes", multiple=True, default=["480x360", "2048x1024"]),
        click.option("--repeats", default=5, show_default=True),
        click.option("--images", default=64, show_default=True, help="Images of one measurement."),
    ):
        function = option(function)
    return function


def command(name: str) -> str:
    """The command that started this run."""
    environment = [f"{key}={value}" for key, value in ENVIRONMENT.items()]
    return shlex.join([*environment, "python", "-m", f"benchmarks.{name}", *arguments()])


def arguments() -> list[str]:
    """The arguments of this run without `--out`; absolute paths are shortened to 2 names."""
    kept, skip = [], False
    for argument in sys.argv[1:]:
        if not skip and not argument.startswith("--out"):
            path = Path(argument)
            kept.append(str(Path("path/to", *path.parts[-2:])) if path.is_absolute() else argument)
        skip = argument == "--out"
    return kept


def median_and_range(values: Iterable[float], digits: int = 1) -> str:
    """The median, followed by the range if there are several values."""
    ordered = sorted(values)
    text = f"{median(ordered):,.{digits}f}"
    if len(ordered) > 1:
        text += f" ({ordered[0]:,.{digits}f} to {ordered[-1]:,.{digits}f})"
    return text


def versions() -> str:
    """Versions of Python and of the installed packages that influence the figures."""
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
