"""A line chart as inline SVG, so that it has the colours of the page, light or dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 320, 120


def chart(name: str, values: Sequence[float]) -> str:
    """Return a line through the values, one per epoch, from their minimum to their maximum."""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    points = " ".join(
        f"{WIDTH * at / (len(values) - 1):.1f},{HEIGHT * (high - value) / span:.1f}"
        for at, value in enumerate(values)
    )
    title = f"{name} over {len(values)} epochs, from {low:.4g} to {high:.4g}"
    return (
        f'<figure><svg viewBox="-4 -4 {WIDTH + 8} {HEIGHT + 8}" role="img" '
        f'aria-label="{escape(title)}"><polyline points="{points}"/></svg>'
        f"<figcaption>{escape(title)}, last {values[-1]:.4g}</figcaption></figure>\n"
    )
