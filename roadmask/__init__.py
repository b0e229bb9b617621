"""Roadmask: street images in, semantic masks out. What users of the service import.

`import roadmask` loads nothing else; each name below is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from roadmask import errors as errors
    from roadmask.client.async_client import AsyncClient as AsyncClient
    from roadmask.client.client import Client as Client
    from roadmask.errors import RoadmaskError as RoadmaskError
    from roadmask.folder.results import FileResult as FileResult
    from roadmask.folder.segment import segment_folder as segment_folder
    from roadmask.folder.segment import segment_folder_async as segment_folder_async
    from roadmask.images.image_files import find_images as find_images
    from roadmask.images.labels.label_map import LabelMap as LabelMap
    from roadmask.images.labels.label_option import LabelOption as LabelOption
    from roadmask.images.layouts import DatasetFolder as DatasetFolder
    from roadmask.images.layouts import Sample as Sample
    from roadmask.images.layouts import find_samples as find_samples
    from roadmask.images.layouts import read_folder as read_folder
    from roadmask.images.layouts import read_truth as read_truth
    from roadmask.images.reading import Reading as Reading
    from roadmask.local.stack import Stack as Stack
    from roadmask.masks.codec import colorize as colorize
    from roadmask.masks.codec import decode_mask as decode_mask
    from roadmask.masks.codec import encode_mask as encode_mask
    from roadmask.masks.codec import overlay as overlay
    from roadmask.masks.taxonomy import CITYSCAPES as CITYSCAPES
    from roadmask.masks.taxonomy import Category as Category
    from roadmask.masks.taxonomy import Taxonomy as Taxonomy
    from roadmask.schemas.events import Event as Event
    from roadmask.schemas.images import CatalogueEntry as CatalogueEntry
    from roadmask.schemas.images import Dataset as Dataset
    from roadmask.schemas.images import Image as Image
    from roadmask.schemas.jobs import ImageRef as ImageRef
    from roadmask.schemas.jobs import Item as Item
    from roadmask.schemas.jobs import ItemState as ItemState
    from roadmask.schemas.jobs import Job as Job
    from roadmask.schemas.jobs import JobCreate as JobCreate
    from roadmask.schemas.jobs import JobState as JobState
    from roadmask.schemas.jobs import Lane as Lane
    from roadmask.schemas.jobs import Scores as Scores
    from roadmask.schemas.mask_formats import MaskFormat as MaskFormat
    from roadmask.schemas.model_version import ModelVersion as ModelVersion
    from roadmask.schemas.pixels import Pixels as Pixels
    from roadmask.schemas.webhooks import Delivery as Delivery

_EXPORTS: dict[str, tuple[str, ...]] = {
    "client.async_client": ("AsyncClient",),
    "client.client": ("Client",),
    "errors": ("RoadmaskError",),
    "folder.results": ("FileResult",),
    "folder.segment": ("segment_folder", "segment_folder_async"),
    "images.image_files": ("find_images",),
    "images.labels.label_map": ("LabelMap",),
    "images.labels.label_option": ("LabelOption",),
    "images.layouts": ("DatasetFolder", "Sample", "find_samples", "read_folder", "read_truth"),
    "images.reading": ("Reading",),
    "local.stack": ("Stack",),
    "masks.codec": ("colorize", "decode_mask", "encode_mask", "overlay"),
    "masks.taxonomy": ("CITYSCAPES", "Category", "Taxonomy"),
    "schemas.events": ("Event",),
    "schemas.images": ("CatalogueEntry", "Dataset", "Image"),
    "schemas.jobs": (
        "ImageRef", "Item", "ItemState", "Job", "JobCreate", "JobState", "Lane", "Scores",
    ),
    "schemas.mask_formats": ("MaskFormat",),
    "schemas.model_version": ("ModelVersion",),
    "schemas.pixels": ("Pixels",),
    "schemas.webhooks": ("Delivery",),
}  # fmt: skip
_MODULES = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = sorted(["errors", *_MODULES])


def __getattr__(name: str) -> Any:
    """Import a public name on its first use (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("roadmask")
    if name == "errors":
        return import_module("roadmask.errors")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return ["__version__", *__all__]
