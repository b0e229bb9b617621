"""The documentation cites revisions that are in the repository."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.docs.test_paths import PAGES, ROOT

REVISION = re.compile(r"(?:\brevisions? `?|`|\| )([0-9a-f]{7,40})(?=`|\W)")
"""A revision after that word, in backticks, or in a cell of a table."""


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)


def unknown_revisions(text: str) -> list[str]:
    """Revisions in the text that the repository does not have."""
    cited = dict.fromkeys(REVISION.findall(" ".join(text.split())))
    return [name for name in cited if git("cat-file", "-e", f"{name}^{{commit}}").returncode]


@pytest.fixture(autouse=True)
def whole_history() -> None:
    if git("rev-parse", "--is-shallow-repository").stdout.strip() != "false":
        pytest.skip("a shallow clone lacks the revisions that are cited")


def test_every_revision_in_the_documentation_exists() -> None:
    pages = [ROOT / "CHANGELOG.md", *PAGES]
    found = {str(page.relative_to(ROOT)): unknown_revisions(page.read_text()) for page in pages}
    assert {page: revisions for page, revisions in found.items() if revisions} == {}


def test_a_revision_that_does_not_exist_is_found() -> None:
    head = git("rev-parse", "--short=7", "HEAD").stdout.strip()
    text = f"revision {head}, revision\nabcdef0, `1234567`, | 7654321 |, `street_unet@1eecadf06839`"
    assert unknown_revisions(text) == ["abcdef0", "1234567", "7654321"]
