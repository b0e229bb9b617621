"""The locks: every package has hashes, and a package with another hash is not installed."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from roadmask.hashing import sha256_of_file

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
LOCKS = ["requirements.lock", "deploy/uv.lock", "deploy/node.lock", "deploy/cuda.lock"]
PIN = re.compile(r"[A-Za-z0-9._-]+==\S+( ; [^\\]+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@pytest.mark.parametrize("name", LOCKS)
def test_each_package_has_hashes_and_no_host_is_named(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    pins = re.sub(r" \\\n\s+", " \\\\", text).splitlines()
    assert pins
    for line in pins:
        pin, *hashes = (part.strip() for part in line.split("\\"))
        assert PIN.fullmatch(pin), line
        assert hashes, pin
        assert all(map(HASH.fullmatch, hashes)), pin


def test_everything_is_installed_by_the_locks() -> None:
    makefile, dockerfile = ((ROOT / name).read_text() for name in ("Makefile", "Dockerfile"))
    # In the Makefile, uv installs by a lock, or what is in this repository.
    for line in re.sub(r"\\\n\s*", "", makefile).splitlines():
        if "pip install --quiet" in line:
            assert "--require-hashes" in line or "--no-deps" in line, line
    # In images, uv reads its constraints from the environment.
    for variable in ("UV_CONSTRAINT", "UV_BUILD_CONSTRAINT"):
        assert f"{variable}=/source/requirements.lock" in dockerfile
    for line in re.sub(r"\\\n\s*", "", dockerfile).splitlines():
        if "pip install" in line:
            assert "--require-hashes" in line or "/opt/uv/bin/uv pip install" in line, line


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """The wheel of a small package."""
    path = tmp_path / "wheels" / "probe-1.0-py3-none-any.whl"
    path.parent.mkdir()
    info = "probe-1.0.dist-info"
    files = {
        "probe.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: probe\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("is_right", [True, False])
@pytest.mark.parametrize(
    "options",
    [("--require-hashes", "-r", "{lock}"), ("--constraint", "{lock}", "probe")],
    ids=["setup", "image"],
)
def test_a_package_with_another_hash_is_refused(
    wheel: Path, tmp_path: Path, options: tuple[str, ...], is_right: bool
) -> None:
    sha256 = sha256_of_file(wheel) if is_right else "0" * 64
    lock = tmp_path / "lock"
    lock.write_text(f"probe==1.0 \\\n    --hash=sha256:{sha256}\n")
    done = subprocess.run(
        [
            *(UV, "pip", "install", "--target", tmp_path / "site", "--no-cache"),
            *("--python", sys.executable, "--no-index", "--find-links", wheel.parent),
            *(option.format(lock=lock) for option in options),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == is_right, done.stderr
    assert (tmp_path / "site/probe.py").exists() == is_right
    assert is_right or "Hash mismatch" in done.stderr
