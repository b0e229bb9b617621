"""What to say when a format needs a package that is not installed."""

from __future__ import annotations

from roadmask.errors import UnsupportedFormat


def needs_package(what: str, package: str) -> UnsupportedFormat:
    """The error for a format whose decoder is not installed."""
    return UnsupportedFormat(
        f"To read {what}, the package {package} is needed, which is not installed here. Install "
        f"it with: pip install {package}"
    )
