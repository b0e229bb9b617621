"""The page's own files: small, in small folders, and free of other hosts and of HTML strings."""

from __future__ import annotations

import re
from pathlib import Path

WEB = Path(__file__).parents[2] / "api/web"
FILES = {path: path.read_text() for path in sorted(WEB.rglob("*.*")) if "samples" not in path.parts}
MAX_LINES = 400
MAX_FILES = 15


def test_files_are_small() -> None:
    lines = {str(path.relative_to(WEB)): text.count("\n") for path, text in FILES.items()}
    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}


def test_folders_are_small() -> None:
    folders = {path.parent for path in FILES}
    sizes = {str(folder): sum(path.is_file() for path in folder.iterdir()) for folder in folders}
    assert {folder: count for folder, count in sizes.items() if count > MAX_FILES} == {}


def test_no_file_names_another_host() -> None:
    hosts = {host for text in FILES.values() for host in re.findall(r"https?://[\w.]+", text)}
    assert hosts <= {"http://www.w3.org"}


def test_no_script_makes_html_from_strings() -> None:
    pattern = r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|document\.write"
    assert [path.name for path, text in FILES.items() if re.search(pattern, text)] == []
