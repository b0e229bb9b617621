"""What an installed package needs beside its modules is in it: clones hide it when it is not."""

import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
    "setuptools"
]["package-data"]


@pytest.mark.parametrize("room", ["roadmask", "storage", "ml", "worker", "api"])
def test_every_file_that_is_no_module_is_declared(room: str) -> None:
    listed = subprocess.run(
        ["git", "ls-files", room], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = {ROOT / name for name in listed.stdout.split() if not name.endswith(".py")}
    declared = {path for glob in DATA.get(room, []) for path in (ROOT / room).glob(glob)}
    assert files <= declared
