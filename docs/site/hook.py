"""Hook of MkDocs: adds the pages that are made from the program, the API and the cards."""

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
"""Files beside `docs/` that are pages of the site too, by where they are in the repository."""
ICON = "api/web/icon.svg"
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)#:\s]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is generated, and let the navigation name what there is, and all of it."""
    files.append(File.generated(config, "icon.svg", abs_src_path=str(ROOT / ICON)))
    for name, text in _generated().items():
        files.append(File.generated(config, name, content=text))
    pages = {file.src_uri for file in files.documentation_pages()}
    nav = [entry for entry in (_filled(entry, pages) for entry in config.nav or []) if entry]
    if left := sorted(pages - set(_named(nav))):
        nav.append({"More": left})
    config.nav = nav
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links to files of the repository lead to their page, or name the file where there is none."""

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
    """Name the theme's search dialog, which a screen reader would announce without a name."""
    return output.replace('role="dialog"', 'role="dialog" aria-label="Search"')


def _generated() -> dict[str, str]:
    copied = {
        # Their links start at the repository's root: those into docs/ at docs/.
        page: (ROOT / file).read_text().replace("](docs/", "](")
        for file, page in COPIED.items()
    }
    made = {"api.md": api_page(), "commands.md": commands_page(), "settings.md": settings_page()}
    return copied | made | card_pages()


def _filled(entry: Any, pages: set[str]) -> Any:
    """The entry without pages that are not there; a folder stands for all of its pages."""
    if isinstance(entry, str):
        if entry.endswith("/"):
            return sorted((page for page in pages if page.startswith(entry)), key=_readme_first)
        return entry if entry in pages else None
    ((title, value),) = entry.items()
    if isinstance(value, list):
        value = [kept for kept in (_filled(each, pages) for each in value) if kept]
    else:
        value = _filled(value, pages)
    return {title: value} if value else None


def _readme_first(page: str) -> tuple[bool, str]:
    return not page.endswith("/README.md"), page


def _named(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, Mapping):
            for value in entry.values():
                yield from _named(value if isinstance(value, list) else [value])
