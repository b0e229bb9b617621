"""The page's own files: small, and of nobody else's making."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "api/web"
FILES = sorted(path for path in WEB.rglob("*") if path.suffix in {".js", ".css", ".html"})


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(WEB)))
def test_a_file_is_small_and_stands_alone(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 250
    hosts = set(re.findall(r"https?://[\w.]+", text))
    assert hosts <= {"http://www.w3.org"}
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|document\.write", text)
