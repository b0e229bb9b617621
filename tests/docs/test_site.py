"""The documentation builds without a warning, has no dead links and needs no other host."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from api.app import create_app
from ml.registry.artifact import shipped
from roadmask.cli.main import roadmask
from roadmask.settings import Settings
from tests.docs.site import Site

ROOT = Path(__file__).parents[2]
ELSEWHERE = re.compile(r"(?:https?:)?//")


@pytest.fixture(scope="session")
def site(folder: Path) -> Site:
    return Site(folder)


def test_every_link_and_anchor_leads_somewhere(site: Site) -> None:
    assert len(site.pages) > 15
    assert list(site.broken()) == []


def test_a_broken_link_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        '<p id="here"><a href="#here">a</a><a href="#gone">b</a><a href="b/">c</a><img src="d.png">'
    )
    assert list(Site(tmp_path).broken()) == [
        "/index.html: #gone",
        "/index.html: b/",
        "/index.html: d.png",
    ]


def test_nothing_is_loaded_from_another_host(site: Site, folder: Path) -> None:
    loaded = [address for page in site.pages.values() for address in page.loaded]
    assert [address for address in loaded if ELSEWHERE.match(address)] == []
    for style in folder.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", style.read_text())
    # Material would fetch these two libraries for diagrams; a page must not ask for them.
    for page in folder.rglob("*.html"):
        assert not re.search(r'class="[^"]*\b(?:mermaid|arithmatex)\b', page.read_text())


def test_every_call_of_the_api_has_its_place(site: Site) -> None:
    document = create_app(Settings()).openapi()
    calls = {call["operationId"] for path in document["paths"].values() for call in path.values()}
    schemas = {f"schema-{name.lower()}" for name in document["components"]["schemas"]}
    assert calls | schemas <= site.pages["/api/index.html"].anchors


def test_every_command_has_its_place(site: Site) -> None:
    context = click.Context(roadmask)
    names = {f"roadmask-{name}" for name in roadmask.list_commands(context)}
    assert names <= site.pages["/commands/index.html"].anchors


def test_every_setting_is_explained(folder: Path) -> None:
    text = (folder / "settings/index.html").read_text()
    for name, setting in Settings.model_fields.items():
        assert f"ROADMASK_{name.upper()}" in text
        assert setting.description, f"{name} needs a docstring in roadmask/settings.py"


def test_every_model_has_a_page_with_its_terms(folder: Path) -> None:
    for card in shipped():
        text = (folder / f"cards/{card.name}/index.html").read_text()
        assert card.sha256 in text
        assert all(notice.split("(")[0].strip()[:40] in text for notice in card.notices)


def test_every_decision_is_listed() -> None:
    decisions = ROOT / "docs/decisions"
    listed = set(re.findall(r"\((\d{4}[\w-]+\.md)\)", (decisions / "README.md").read_text()))
    assert listed == {path.name for path in decisions.glob("[0-9]*.md")}
