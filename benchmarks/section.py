"""A section of docs/performance.md: what one benchmark measured, and with what."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import click

NAMED = ("tensorflow", "openvino", "redis", "uvicorn")
CHOICES = ("ROADMASK_MODEL", "ROADMASK_ENGINE")
"""Settings that a benchmark obeys; they are shown with its command."""
CHOSEN = {key: os.environ[key] for key in CHOICES if key in os.environ}
"""As the benchmark was started: some change them."""


@dataclass(frozen=True)
class Section:
    """A table with its heading and what one must know to read it."""

    name: str
    title: str
    words: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    model: str = ""
    """`name@version`, where the figures are of one model."""

    @property
    def markdown(self) -> str:
        lines = [
            f"## {self.title}" + f": `{self.model}`" * bool(self.model),
            self.words.strip(),
            f"```\n{command(self.name)}\n```",
            "\n".join(_line(row) for row in (self.head, ["---"] * len(self.head), *self.rows)),
            f"{processor()}; {os.cpu_count()} cores; {versions()}.",
        ]
        return "\n\n".join(lines) + "\n"

    def publish(self, out: Path | None) -> None:
        """Print it, and keep it in the folder of sections."""
        print(self.markdown, flush=True)
        if out:
            out.mkdir(parents=True, exist_ok=True)
            (out / section_file(self.name, self.model)).write_text(self.markdown)


def section_file(name: str, model: str = "") -> str:
    """Name of a section in the folder of sections: one for each model, where it has one."""
    return f"{name}-{model.partition('@')[0]}".strip("-") + ".md"


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What every benchmark understands."""
    for option in (
        click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Keep it."),
        click.option("--smoke", is_flag=True, help="Tiny sizes: see that it runs."),
    ):
        function = option(function)
    return function


def extent(function: Callable[..., Any]) -> Callable[..., Any]:
    """How much those measure that take pictures of several sizes through several ways."""
    for option in (
        click.option("--size", "sizes", multiple=True, default=["480x360", "2048x1024"]),
        click.option("--repeats", default=5, show_default=True),
        click.option("--images", default=64, show_default=True, help="Of one repeat and way."),
    ):
        function = option(function)
    return function


def command(name: str) -> str:
    """How this run was started."""
    chosen = [f"{key}={value}" for key, value in CHOSEN.items()]
    return shlex.join([*chosen, "python", "-m", f"benchmarks.{name}", *arguments()])


def arguments() -> list[str]:
    """The program's arguments but for the folder of sections; of paths the last two names."""
    kept, skip = [], False
    for argument in sys.argv[1:]:
        if not skip and not argument.startswith("--out"):
            path = Path(argument)
            kept.append(str(Path("path/to", *path.parts[-2:])) if path.is_absolute() else argument)
        skip = argument == "--out"
    return kept


def middle(values: Iterable[float], digits: int = 1) -> str:
    """The median as text, and the range where there is one."""
    kept = sorted(values)
    text = f"{median(kept):,.{digits}f}"
    if len(kept) > 1:
        text += f" ({kept[0]:,.{digits}f} to {kept[-1]:,.{digits}f})"
    return text


def processor() -> str:
    """The processor's name as the kernel tells it, else the machine's kind."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def versions() -> str:
    """Of Python and of what decides the figures, as far as it is installed."""
    told = [f"Python {platform.python_version()}"]
    for package in NAMED:
        try:
            told.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(told)


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
