"""The shape of the source: files and folders of a size that can be read, and light imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter

import pytest

from tests.architecture.sources import ROOT, SOURCES, syntax_tree

LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 60
FILES_OF_A_FOLDER = 15
VAGUE = {"utils", "helpers", "manager", "common", "misc"}


def test_files_and_functions_are_short_and_named_for_one_thing() -> None:
    offenders = []
    for path in SOURCES:
        name = path.relative_to(ROOT)
        if (lines := len(path.read_text().splitlines())) > LINES_OF_A_FILE:
            offenders.append(f"{name} has {lines} lines")
        if path.stem in VAGUE:
            offenders.append(f"{name} does not say what it holds")
        for node in ast.walk(syntax_tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > LINES_OF_A_FUNCTION:
                    offenders.append(f"{name}:{node.lineno} {node.name} has {lines} lines")
    assert not offenders, "\n" + "\n".join(offenders)


def test_folders_hold_few_files() -> None:
    files = [*SOURCES, *(ROOT / "benchmarks").rglob("*.py")]
    counts = Counter(path.parent for path in files if not path.stem.startswith("__"))
    offenders = [
        f"{folder.relative_to(ROOT)}/ has {count} files"
        for folder, count in counts.items()
        if count > FILES_OF_A_FOLDER
    ]
    assert not offenders, "\n" + "\n".join(offenders)


@pytest.mark.parametrize(
    "module", ["roadmask", "roadmask.client.client", "roadmask.cli.main", "api.app"]
)
def test_light_modules_load_nothing_heavy(module: str) -> None:
    heavy = {"tensorflow", "keras", "openvino", "albumentations", "cv2", "ml", "worker"}
    heavy |= {"celery", "minio"}
    script = f"import sys, {module}; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == ""


def test_importing_roadmask_loads_none_of_its_parts() -> None:
    script = "import sys, roadmask; print(*(m for m in sys.modules if m.startswith('roadmask.')))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == ""
