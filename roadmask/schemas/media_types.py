"""Media types (RFC 9110, 8.3) and data URIs (RFC 2397)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

JSON = "application/json"
JSONL = "application/jsonl"
NDJSON = "application/x-ndjson"
PROBLEM_JSON = "application/problem+json"
FORM_DATA = "multipart/form-data"
EVENT_STREAM = "text/event-stream"
OCTET_STREAM = "application/octet-stream"
ZIP = "application/zip"

DATA_URI = r"data:[\w/+.-]{1,100};base64,"
"""The beginning of a data URI in base64; what follows it is the data."""


def media_type(content_type: str | None) -> str:
    """The media type that a `Content-Type` header names: lower case, without parameters."""
    return (content_type or "").partition(";")[0].strip().lower()


def preferred_type(accept: str, offered: Iterable[str]) -> str:
    """The offered media type that an `Accept` header (RFC 9110, 12.5.1) prefers; the first of
    several, or of none.

    The standard leaves it to a service what it sends when none is accepted.
    """
    ranges = list(_ranges(accept))
    types = list(offered)
    weights = [_weight(ranges, offer) for offer in types]
    return types[weights.index(max(weights))]


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        name, *parameters = (text.strip().lower() for text in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = min(max(float(parameter[2:]), 0.0), 1.0)
                except ValueError:
                    quality = 0.0
        if name:
            yield name, quality


def _weight(ranges: list[tuple[str, float]], offer: str) -> float:
    """The quality of the most specific range that the type is in."""
    for pattern in (offer, f"{offer.partition('/')[0]}/*", "*/*"):
        found = [quality for name, quality in ranges if name == pattern]
        if found:
            return max(found)
    return 0.0
