"""Cursors of listings: where the next page begins, in a form that nobody takes for an id."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode

from roadmask.errors import InvalidRequest


def encode_cursor(image_id: str) -> str:
    """The cursor of the page behind this image."""
    return urlsafe_b64encode(image_id.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str:
    """The image that the page begins behind; empty for the first. Raises `InvalidRequest`."""
    padded = f"{cursor}{'=' * (-len(cursor) % 4)}" if cursor else ""
    try:
        return b64decode(padded, altchars="-_", validate=True).decode("ascii")
    except ValueError:
        raise InvalidRequest("This cursor is not one of ours. Start again without it.") from None
