"""Runs the `roadmask` program in a process of its own, or in the process of the test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from roadmask.cli.main import main

PROGRAM = (sys.executable, "-m", "roadmask.cli")
SCRIPT = str(Path(sys.executable).with_name("roadmask"))
"""The program as its users start it: the working directory is not on its import path."""

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]


def run_roadmask(*arguments: str | Path, cwd: Path, **env: str) -> Done:
    """Run the program to its end in a process of its own."""
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | env,
        text=True,
        capture_output=True,
        check=False,
        timeout=250,
    )


def call_roadmask(*arguments: str | Path, cwd: Path, **env: str) -> Done:
    """Run the program to its end in this process, which saves its start."""
    words = ["roadmask", *map(str, arguments)]
    with pytest.MonkeyPatch.context() as patch, CliRunner().isolation() as (out, err, _):
        patch.chdir(cwd)
        patch.setattr(sys, "argv", words)
        for name, value in env.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ending:
            main()
    code = ending.value.code
    assert isinstance(code, int)
    return Done(words, code, out.getvalue().decode(), err.getvalue().decode())
