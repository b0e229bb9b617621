"""The page about failures, as a browser shows it: readable in both schemes, also on a phone."""

from __future__ import annotations

from pathlib import Path

from roadmask.dossier import PAGE, write_dossier
from roadmask.errors import ImageUnreadable
from roadmask.outcomes import FileResult
from tests.api.pictures import picture
from tests.page.browser import phone, serious


def test_axe_finds_nothing_serious_and_a_phone_shows_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "seen.jpg").write_bytes(picture())
    names = ("seen.jpg", f"gone/{'long' * 30}.jpg")
    failures = [FileResult.of_error(name, None, ImageUnreadable("It is odd.")) for name in names]
    write_dossier(tmp_path, tmp_path / "masks", failures, f"roadmask batch /{'far/' * 30}")
    with phone() as page:
        page.goto((tmp_path / "masks" / PAGE).as_uri())
        page.emulate_media(color_scheme="light")
        assert serious(page) == []
        page.emulate_media(color_scheme="dark")
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 390
