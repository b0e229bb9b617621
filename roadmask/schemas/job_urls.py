"""The URLs of a job, the same in the API's responses and in webhooks."""

from __future__ import annotations

from roadmask.schemas.wire import Wire


class JobUrls(Wire):
    """The URLs of a job; clients need not build them."""

    self: str
    items: str
    events: str
    cancel: str
    retry: str
    results: str
    archive: str
    annotations: str


def job_urls(public_url: str, job_id: str) -> JobUrls:
    """The URLs of a job, with the API at `public_url`."""
    own = f"{public_url.rstrip('/')}/v1/jobs/{job_id}"
    return JobUrls(
        self=own,
        items=f"{own}/items",
        events=f"{own}/events",
        cancel=f"{own}/cancel",
        retry=f"{own}/retry",
        results=f"{own}/results.jsonl",
        archive=f"{own}/archive.zip",
        annotations=f"{own}/annotations",
    )
