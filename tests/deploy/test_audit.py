"""`make audit` finds what is not locked and what has no known licence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def audit(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "deploy/audit.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_is_installed_is_as_locked() -> None:
    done = audit("--list")
    assert done.returncode == 0, done.stdout
    assert "fastapi\t" in done.stdout
    assert "unknown" not in done.stdout


def test_a_package_that_is_not_locked_is_found(tmp_path: Path) -> None:
    info = tmp_path / "smuggled-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: smuggled\nVersion: 1.0\nLicense: AGPL-3.0\n")
    env = {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, str(ROOT / "deploy/audit.py")]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 1
    assert "smuggled 1.0 is installed, and not locked" in done.stdout
    assert "smuggled has the licence AGPL-3.0" in done.stdout
