"""One whole service on this machine for all tests of the command line, and its commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roadmask import Stack

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]

PROGRAM = (sys.executable, "-m", "roadmask.cli")


def run_roadmask(*arguments: str | Path, cwd: Path, **env: str) -> Done:
    """A command of the `roadmask` program, run to its end."""
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | env,
        text=True,
        capture_output=True,
        check=False,
        timeout=250,
    )


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running service with a real worker and the shipped model."""
    with Stack(tmp_path_factory.mktemp("stack"), port=0) as stack:
        yield stack


@pytest.fixture
def roadmask(stack: Stack, tmp_path: Path) -> Run:
    """Runs a command against the service, in a folder of the test."""
    return lambda *arguments: run_roadmask(*arguments, cwd=tmp_path, ROADMASK_URL=stack.url)


@pytest.fixture
def alone(tmp_path: Path) -> Run:
    """Runs a command where no service is known."""
    return lambda *arguments: run_roadmask(*arguments, cwd=tmp_path, ROADMASK_URL="")
