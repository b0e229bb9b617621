"""Cursors of image lists: the start of the next page, encoded so that nobody takes it for an id."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode

from roadmask.errors import InvalidRequest


def encode_cursor(image_id: str) -> str:
    """Return the cursor of the page that follows this image."""
    return urlsafe_b64encode(image_id.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str:
    """Return the image that the page follows; empty for the first page. Raises `InvalidRequest`."""
    padded = f"{cursor}{'=' * (-len(cursor) % 4)}" if cursor else ""
    try:
        return b64decode(padded, altchars="-_", validate=True).decode()
    except ValueError:
        raise InvalidRequest("This cursor is not one of ours. Start again without it.") from None


def joint_prefix(one: str, other: str) -> str | None:
    """Return the prefix that implies both, None when no id has both."""
    longer, shorter = sorted((one, other), key=len, reverse=True)
    return longer if longer.startswith(shorter) else None
