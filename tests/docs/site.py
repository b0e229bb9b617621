"""The built site as a set of pages: what they link to, what can be linked to, what they load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""Tags by which a browser fetches something without being asked to, and their attribute."""


@dataclass
class Html(HTMLParser):
    """One page: its `links`, the `anchors` it has, and what is `loaded` with it."""

    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif LOADED.get(tag) in given:
            self.loaded.append(given[LOADED[tag]])


class Site:
    """The pages below a folder, by their path from its root."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pages: dict[str, Html] = {}
        for path in folder.rglob("*.html"):
            page = Html()
            page.feed(path.read_text())
            self.pages["/" + path.relative_to(folder).as_posix()] = page

    def broken(self) -> Iterator[str]:
        """What leads nowhere on this site, with the page it is on. Other hosts are not asked."""
        for at, page in self.pages.items():
            for address in (*page.links, *page.loaded):
                if not urlsplit(address).scheme and not self._leads_somewhere(at, address):
                    yield f"{at}: {address}"

    def _leads_somewhere(self, at: str, address: str) -> bool:
        where = urlsplit(urljoin(at, address))
        path = unquote(where.path) + ("index.html" if where.path.endswith("/") else "")
        if path not in self.pages:
            return (self._folder / path.lstrip("/")).is_file()
        anchor = unquote(where.fragment)
        # Material leads to the top of a page by an anchor that need not be there.
        return anchor in {"", "__skip"} or anchor in self.pages[path].anchors
