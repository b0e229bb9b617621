"""Hook of MkDocs: adds the pages that are generated from the program, the API and the cards."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from api_page import api_page
from card_pages import card_pages
from commands_page import commands_page
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from settings_page import settings_page

ROOT = Path(__file__).parents[2]
COPIED = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changes.md"}
"""Files of the repository that are also pages of the site, with the name of the page."""
ICON = "api/web/icon.svg"
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)#:\s]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and make the navigation list all pages and no others."""
    files.append(File.generated(config, "icon.svg", abs_src_path=str(ROOT / ICON)))
    for name, text in _generated().items():
        files.append(File.generated(config, name, content=text))
    pages = {file.src_uri for file in files.documentation_pages()}
    nav = [entry for entry in (_expand(entry, pages) for entry in config.nav or []) if entry]
    if others := sorted(pages - set(_pages_of(nav))):
        nav.append({"More": others})
    config.nav = nav
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to files of the repository at their page, or name the file if it has none."""

    def resolve(match: re.Match[str]) -> str:
        folder = posixpath.dirname(f"docs/{page.file.src_uri}")
        target = posixpath.normpath(posixpath.join(folder, match["target"]))
        if target.startswith("docs/") or not (ROOT / target).exists():
            return match[0]
        if target in COPIED:
            here = posixpath.relpath(COPIED[target], posixpath.dirname(page.file.src_uri) or ".")
            return f"[{match['text']}]({here}{match['anchor'] or ''})"
        text = match["text"].strip("`")
        return f"`{target}`" if text in target else f"{match['text']} (`{target}`)"

    return LINK.sub(resolve, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Give the theme's search dialog a name for screen readers."""
    return output.replace('role="dialog"', 'role="dialog" aria-label="Search"')


def _generated() -> dict[str, str]:
    copied = {
        # Links of these files are relative to the root of the repository, those of pages to docs/.
        page: (ROOT / file).read_text().replace("](docs/", "](")
        for file, page in COPIED.items()
    }
    generated = {
        "api.md": api_page(),
        "commands.md": commands_page(),
        "settings.md": settings_page(),
    }
    return copied | generated | card_pages()


def _expand(entry: Any, pages: set[str]) -> Any:
    """Return the entry without missing pages; a folder becomes the list of its pages."""
    if isinstance(entry, str):
        if entry.endswith("/"):
            return sorted((page for page in pages if page.startswith(entry)), key=_readme_first)
        return entry if entry in pages else None
    ((title, value),) = entry.items()
    if isinstance(value, list):
        value = [kept for kept in (_expand(each, pages) for each in value) if kept]
    else:
        value = _expand(value, pages)
    return {title: value} if value else None


def _readme_first(page: str) -> tuple[bool, str]:
    return not page.endswith("/README.md"), page


def _pages_of(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, Mapping):
            for value in entry.values():
                yield from _pages_of(value if isinstance(value, list) else [value])
