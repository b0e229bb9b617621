"""Roadmask: street images in, semantic masks out. What a user of the service imports."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roadmask.async_client import AsyncClient
    from roadmask.categories import CITYSCAPES, Category, Taxonomy
    from roadmask.client import Client
    from roadmask.errors import RoadmaskError
    from roadmask.event import Event
    from roadmask.images import Image
    from roadmask.jobs import Item, Job, JobState, Lane
    from roadmask.masks import colorize, decode_mask, encode_mask, overlay
    from roadmask.stack import Stack

__all__ = [
    "CITYSCAPES",
    "AsyncClient",
    "Category",
    "Client",
    "Event",
    "Image",
    "Item",
    "Job",
    "JobState",
    "Lane",
    "RoadmaskError",
    "Stack",
    "Taxonomy",
    "colorize",
    "decode_mask",
    "encode_mask",
    "overlay",
]

_HOMES = {
    "AsyncClient": "async_client",
    "CITYSCAPES": "categories",
    "Category": "categories",
    "Client": "client",
    "Event": "event",
    "Image": "images",
    "Item": "jobs",
    "Job": "jobs",
    "JobState": "jobs",
    "Lane": "jobs",
    "RoadmaskError": "errors",
    "Stack": "stack",
    "Taxonomy": "categories",
    "colorize": "masks",
    "decode_mask": "masks",
    "encode_mask": "masks",
    "overlay": "masks",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import roadmask` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
