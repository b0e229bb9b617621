"""Report: an evaluation and its pictures as one self-contained HTML file, in light and dark."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ml.evaluation.gallery import RIGHTED, STILL_WRONG, WRONG, GalleryImage
from roadmask.masks.taxonomy import Taxonomy

TEMPLATES = Path(__file__).parent / "templates"


def evaluation_page(
    found: dict[str, Any], worst: Iterable[GalleryImage], taxonomy: Taxonomy
) -> str:
    """The HTML of an evaluation's summary, which has `artifact` and `dataset` among its members."""
    return _render("evaluation.html", found, worst, taxonomy)


def comparison_page(
    found: dict[str, Any], worst: Iterable[GalleryImage], taxonomy: Taxonomy
) -> str:
    """The HTML of a comparison's summary, which has `a`, `b` and `dataset` among its members."""
    return _render("comparison.html", found, worst, taxonomy)


def write_report(page: str, place: Path) -> Path:
    """Write a page to `place`, or to `report.html` in it if it does not end in `.html`."""
    file = place if place.suffix.lower() in (".html", ".htm") else place / "report.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page, encoding="utf-8")
    return file


def _render(
    template: str, found: dict[str, Any], worst: Iterable[GalleryImage], taxonomy: Taxonomy
) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"score": _score, "change": _change, "percent": _percent}
    return environment.get_template(template).render(
        found=found,
        worst=list(worst),
        colors={each.name: _css(each.color) for each in taxonomy.categories},
        marks={
            "wrong": _css(WRONG),
            "righted": _css(RIGHTED),
            "still_wrong": _css(STILL_WRONG),
        },
        made=f"{datetime.now(UTC):%d %B %Y, %H:%M} UTC",
    )


def _css(color: tuple[int, int, int]) -> str:
    return "rgb({} {} {})".format(*color)


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _change(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}".replace("-", "−")


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}%}"
