"""Both packages declare what they hold: a clone hides a file that an installation would lack."""

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text())


CLIENT, SERVER = _read("pyproject.toml"), _read("server/pyproject.toml")
DATA = {
    room: globs
    for package in (CLIENT, SERVER)
    for room, globs in package["tool"]["setuptools"]["package-data"].items()
}


@pytest.mark.parametrize("room", ["roadmask", "storage", "ml", "worker", "api"])
def test_every_file_that_is_no_module_is_declared(room: str) -> None:
    listed = subprocess.run(
        ["git", "ls-files", room], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = {ROOT / name for name in listed.stdout.split() if not name.endswith(".py")}
    declared = {path for glob in DATA.get(room, []) for path in (ROOT / room).glob(glob)}
    assert files <= declared


def test_both_packages_have_one_version() -> None:
    version = CLIENT["project"]["version"]
    assert SERVER["project"]["version"] == version
    assert f"roadmask=={version}" in SERVER["project"]["dependencies"]
