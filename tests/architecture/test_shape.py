"""The shape of the repository that DESIGN promises: small files, light imports, no leftovers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("roadmask", "storage", "ml", "worker", "api")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_noun_of_at_most_250_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 250
    assert path.stem not in {"utils", "helpers", "manager", "common", "misc"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_function_fits_a_screen(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= 60, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("module", ["roadmask", "roadmask.client", "roadmask.cli.main", "api.app"])
def test_light_modules_load_nothing_heavy(module: str) -> None:
    heavy = {"tensorflow", "keras", "openvino", "albumentations", "cv2", "ml", "worker"}
    heavy |= {"celery", "minio"}
    script = f"import sys, {module}; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == ""
