"""Download: a dataset of the service into a folder that `ingest` and `train` read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing.pool import ThreadPool
from pathlib import Path

from roadmask.atomic import write_atomically
from roadmask.client.client import Client
from roadmask.client.transport import SERVICE_ERRORS
from roadmask.errors import (
    DatasetNotFound,
    HashMismatch,
    InvalidId,
    RoadmaskError,
    TruthNotFound,
)
from roadmask.hashing import sha256_of, sha256_of_file
from roadmask.images.sniffing import SUFFIXES
from roadmask.images.stems import folded, stem
from roadmask.schemas.ids import check_image_id
from roadmask.schemas.images import Dataset, Image

BATCH = 128
"""Images that are in memory at once, without their bytes."""
CONCURRENCY = 4
"""Images that are fetched at once."""


@dataclass(slots=True)
class Downloaded:
    """One image of a dataset on its way into a folder."""

    image: Image
    fetched: bool = False
    """Its file or its mask was missing here, or had other bytes."""
    error: str | None = None
    """Why it is not in the folder."""


def find_dataset(client: Client, name: str) -> Dataset:
    """The dataset of that name. Raises `DatasetNotFound`, which lists the others."""
    datasets = {dataset.name: dataset for dataset in client.datasets()}
    if name not in datasets:
        others = ", ".join(sorted(datasets)) or "none"
        raise DatasetNotFound(f"{client.base_url} has no dataset {name!r}. Its datasets: {others}.")
    return datasets[name]


def download(
    client: Client, dataset: str, out: Path, *, annotated: bool = False
) -> Iterator[Downloaded]:
    """Each image of a dataset, once it is in `out/images` and its annotated mask in `out/masks`, or
    once that has failed.

    With `annotated`, images without an annotated mask are left out. Files that have the same bytes
    already are not fetched again, so an interrupted run is simply repeated. Images that the dataset
    has no more stay in the folder.
    """
    taken: set[str] = set()
    listed = client.images(dataset=dataset, truth=True if annotated else None)
    with closing(ThreadPool(CONCURRENCY)) as pool:
        while batch := [Downloaded(image) for image in islice(listed, BATCH)]:
            for each in batch:
                name = folded(image_path(each.image))
                if name in taken:
                    each.error = (
                        "Another image of the dataset has this name but for case or accents, and "
                        "many file systems keep one file for both. Rename one of the two."
                    )
                taken.add(name)
            pool.map(partial(_download, client, out), batch)
            yield from batch


def image_path(image: Image) -> str:
    """The path of an image's file below `images/`: that of the file it was, if its id tells."""
    name, filename = _name(image), image.filename or ""
    if name in (filename, stem(filename)) and Path(filename).suffix.lower() in SUFFIXES:
        return filename
    return f"{name}.{image.format}"


def _name(image: Image) -> str:
    """The name of an image in its dataset."""
    return check_image_id(image.id).partition("/")[2]


def _download(client: Client, out: Path, each: Downloaded) -> None:
    if each.error is not None:
        return
    try:
        each.fetched = _fetch_missing(client, out, each.image)
    except SERVICE_ERRORS:
        raise
    except RoadmaskError as error:
        each.error = error.detail
    except OSError as error:
        each.error = f"The file cannot be written: {error.strerror or error}."


def _fetch_missing(client: Client, out: Path, image: Image) -> bool:
    """Write the image and its annotated mask unless both are there; whether one was written."""
    files = {"content": (_below(out / "images", image_path(image)), image.sha256)}
    if image.truth_sha256 is not None:
        files["truth"] = (_below(out / "masks", f"{_name(image)}.png"), image.truth_sha256)
    missing = {
        link: file
        for link, file in files.items()
        if not file[0].is_file() or sha256_of_file(file[0]) != file[1]
    }
    if not missing:
        return False
    # Links are signed when they are used: those of a whole list would expire.
    links = client.image(image.id).model_dump(include={"content_url", "truth_url"})
    for link, (path, sha256) in missing.items():
        url = links[f"{link}_url"]
        if url is None:
            raise TruthNotFound("The annotated mask was deleted meanwhile. Run the command again.")
        data = client.fetch(url)
        if sha256_of(data) != sha256:
            raise HashMismatch(
                "The bytes are not those that were listed: they are damaged in the store, or were "
                "replaced meanwhile. Run the command again."
            )
        write_atomically(path, [data])
    return True


def _below(folder: Path, name: str) -> Path:
    """The path of a name of the service. Raises `InvalidId` if it leads out of the folder."""
    path = folder / name
    if not path.is_relative_to(folder) or ".." in path.relative_to(folder).parts:
        raise InvalidId(f"{name!r} cannot be a file on this system. Rename the image.")
    return path
