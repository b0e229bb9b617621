"""The documentation names folders and files that exist, and the architecture page every folder."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PACKAGES = ("roadmask", "storage", "ml", "worker", "api")
TOP = (*PACKAGES, "tests", "benchmarks", "deploy", "docs", "server")
ALIKE = {"benchmarks/peers", "deploy/kubernetes/overlays", "ml/weights"}
"""Folders whose folders are of one kind: a row for each would say its name again."""
ROW = re.compile(r"^\| `([\w/]+)/` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(TOP)})/[\w./*-]*\w/?")
"""A path from the root of the repository. `masks/` and the like are folders of users."""


def tracked_folders() -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *TOP], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [Path(name) for name in listed.stdout.split("\0") if name]
    folders = {folder for file in files if (ROOT / file).exists() for folder in file.parents}
    return {folder.as_posix() for folder in folders} - {"."}


def described_folders() -> list[str]:
    text = (ROOT / "docs/architecture.md").read_text()
    return [row[1] for row in ROW.finditer(text)]


def unknown_paths(text: str) -> list[str]:
    """Paths in the text that do not exist. A path with `*` must match something."""
    return [path for path in PATH.findall(text) if not any(ROOT.glob(path.rstrip("/")))]


def mirrors_source(folder: str) -> bool:
    """Whether a folder of tests stands for a folder of the source."""
    source = folder.removeprefix("tests/")
    return source != folder and source.split("/")[0] in PACKAGES and (ROOT / source).is_dir()


def is_alike(folder: str) -> bool:
    """Whether the row of the folder above says what is in this folder."""
    return str(Path(folder).parent) in ALIKE


def test_every_folder_has_one_line_in_the_architecture() -> None:
    described = described_folders()
    assert len(described) == len(set(described))
    assert set(described) - tracked_folders() == set()
    assert set(described) >= ALIKE
    assert [folder for folder in described if is_alike(folder)] == []
    left_out = tracked_folders() - set(described)
    assert [name for name in sorted(left_out) if not (mirrors_source(name) or is_alike(name))] == []


def test_every_path_in_the_documentation_exists() -> None:
    unknown = {
        str(page.relative_to(ROOT)): paths
        for page in PAGES
        if (paths := unknown_paths(page.read_text()))
    }
    assert unknown == {}


def test_a_path_that_does_not_exist_is_found() -> None:
    text = "`storage/queue.py`, `storage/shelf.py`, ml/weights/*/card.json, ml/gone/*.py, a/api/x"
    assert unknown_paths(text) == ["storage/shelf.py", "ml/gone/*.py"]


def test_a_folder_of_tests_without_a_source_is_found() -> None:
    assert mirrors_source("tests/storage/jobs")
    assert not mirrors_source("tests/storage/jubs")
    assert not mirrors_source("tests/servers")
