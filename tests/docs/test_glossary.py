"""The glossary has the nouns of the code, sorted, each once in its section."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.sources import ROOT, SOURCES

CLASS = re.compile(r"^(?:export )?class ([A-Z]\w*)", re.MULTILINE)
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]+")
# The errors have a tree of their own.
FILES = [path for path in SOURCES if path != ROOT / "roadmask/errors.py"]
FILES += sorted((ROOT / "api/web").rglob("*.js"))


def rows() -> dict[str, list[str]]:
    """The rows of each section of the glossary."""
    sections = re.split(r"^## ", (ROOT / "docs/glossary.md").read_text(), flags=re.MULTILINE)[1:]
    return {
        section.splitlines()[0]: re.findall(r"^\| \*\*.*$", section, re.MULTILINE)
        for section in sections
    }


def singular(word: str) -> str:
    return re.sub(r"(?<=\w)(?:ies|s)$", lambda end: "y" if end[0] == "ies" else "", word.lower())


def described() -> set[str]:
    """The terms of the glossary in the singular, and the classes that its texts name."""
    text = "\n".join(row for section in rows().values() for row in section)
    terms = {singular(term.replace("-", " ")) for term in re.findall(r"\*\*(.+?)\*\*", text)}
    return terms | set(re.findall(r"`(\w+)`", text))


def missing(classes: set[str]) -> set[str]:
    """The classes whose noun is not in the glossary."""
    known = described()
    return {
        name
        for name in classes
        if name not in known and singular(" ".join(WORD.findall(name))) not in known
    }


def classes_of(path: Path) -> set[str]:
    return set(CLASS.findall(path.read_text()))


def test_the_glossary_has_every_class() -> None:
    assert missing({name for path in FILES for name in classes_of(path)}) == set()


def test_a_missing_noun_is_found() -> None:
    assert missing({"LeaseRenewer", "Leases", "Shelf", "JobShelf"}) == {"Shelf", "JobShelf"}


def test_the_classes_that_it_names_exist() -> None:
    text = (ROOT / "docs/glossary.md").read_text()
    paths = [*FILES, *(ROOT / "tests/harness").rglob("*.py")]
    names = {name for path in paths for name in re.findall(r"\w+", path.read_text())}
    assert set(re.findall(r"`([A-Z][a-z]\w*)`", text)) <= names


def test_words_are_sorted_and_listed_once() -> None:
    for section, lines in rows().items():
        words = [line.removeprefix("| **").split("**")[0].lower() for line in lines]
        assert words == sorted(words), section
        assert len(words) == len(set(words)), section
