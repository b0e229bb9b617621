"""The page about failures, as a browser shows it: readable in both schemes, also on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadmask.errors import ImageUnreadable
from roadmask.folder.reports.failure_report import PAGE, write_failure_report
from roadmask.folder.results import FileResult
from tests.harness.images.api_images import picture
from tests.web.browser import phone, serious


@pytest.mark.slow
def test_axe_finds_nothing_serious_and_a_phone_shows_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "seen.jpg").write_bytes(picture())
    names = ("seen.jpg", f"gone/{'long' * 30}.jpg")
    failures = [FileResult.of_error(name, None, ImageUnreadable("It is odd.")) for name in names]
    write_failure_report(tmp_path, tmp_path / "masks", failures, f"roadmask batch /{'far/' * 30}")
    with phone() as page:
        page.goto((tmp_path / "masks" / PAGE).as_uri())
        page.emulate_media(color_scheme="light")
        assert serious(page) == []
        page.emulate_media(color_scheme="dark")
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 390
