"""Cursors of image lists: the last id of a page, encoded so that it does not look like an id."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode

from roadmask.errors import InvalidRequest


def encode_cursor(image_id: str) -> str:
    """Return the cursor of the page that follows this image."""
    return urlsafe_b64encode(image_id.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str:
    """Return the id before the page; empty for the first page. Raises `InvalidRequest`."""
    padded = f"{cursor}{'=' * (-len(cursor) % 4)}" if cursor else ""
    try:
        return b64decode(padded, altchars="-_", validate=True).decode()
    except ValueError:
        raise InvalidRequest("This cursor is invalid. Start again without it.") from None


def joint_prefix(one: str, other: str) -> str | None:
    """Return the longer prefix if it begins with the other; None if no id can have both."""
    longer, shorter = sorted((one, other), key=len, reverse=True)
    return longer if longer.startswith(shorter) else None
