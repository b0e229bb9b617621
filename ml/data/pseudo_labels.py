"""Pseudo-labels: partly annotated images completed by a teacher, so that they can be learnt from.

An annotation is partial when it names only some categories: of a person in a street everything but
the person is unlabelled, and on a coarsely drawn facade a pole is part of the wall. At face value
such masks teach what is not so. Here a mask keeps what its data set may teach, the teacher adds the
other categories where it is sure, and the rest is void, which costs nothing in any loss.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.data.annotated import LeftOut, LoadedImage, from_samples
from ml.data.partial_labels import RECORD, PartialLabels
from ml.data.samples import annotated_samples
from ml.data.soft_labels import FOLDER as SOFT
from ml.data.soft_labels import write_soft_labels
from ml.data.teachers import Teacher, mean_probabilities
from ml.inference.segmenter import PLAIN, TtaView
from roadmask.errors import InvalidRequest
from roadmask.images.reading import AS_FOUND, Reading
from roadmask.masks.codec import encode_mask
from roadmask.masks.taxonomy import Taxonomy


def complete(
    truth: NDArray[np.uint8],
    probabilities: NDArray[np.float32],
    rules: PartialLabels,
    taxonomy: Taxonomy,
) -> NDArray[np.uint8]:
    """The truth (H, W), completed by probabilities (n, H, W) of the real categories."""
    answers = np.asarray(taxonomy.real, np.uint8)
    taught = np.array([taxonomy.names[index] in rules.teaches for index in answers])
    kept = np.isin(truth, answers[taught])
    kept &= probabilities[~taught].sum(axis=0) <= rules.doubt
    labels = np.where(kept, truth, taxonomy.void).astype(np.uint8)
    best = probabilities.argmax(axis=0)
    added = ~taught[best] & (probabilities.max(axis=0) >= rules.sure)
    if rules.doubt == 1:
        added &= ~kept
    labels[added] = answers[best[added]]
    return labels


def write_pseudo_labels(
    teachers: Sequence[Teacher],
    data: Path,
    out: Path,
    rules: PartialLabels,
    taxonomy: Taxonomy,
    views: Collection[TtaView] = (PLAIN,),
    reading: Reading = AS_FOUND,
    soft: bool = False,
) -> Iterator[LoadedImage | LeftOut]:
    """Write the data set as `images/` and `masks/` in `out`; yields each image when it is written,
    and those that are left out: they cannot be read, or a teacher fails on them.

    `soft` adds the teachers' mean probabilities as soft labels. The files are named like those of
    the data set, below its folders. Raises `InvalidRequest` if
    one of the folders is in the other.
    """
    here, there = data.resolve(), out.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise InvalidRequest(
            f"{out} would mix with the images and masks of {data}. Choose a folder outside."
        )
    for part in ("images", "masks"):
        (out / part).mkdir(parents=True, exist_ok=True)
    (out / RECORD).write_text(rules.model_dump_json(indent=2), encoding="utf-8")
    samples = annotated_samples(data, reading)
    for sample, each in zip(samples, from_samples(samples, data.name).images, strict=True):
        loaded = each.load()
        if isinstance(loaded, LoadedImage):
            try:
                strips = mean_probabilities(teachers, loaded.image, tuple(views))
                probabilities = np.concatenate([strip for _, strip in strips], axis=1)
                labels = complete(loaded.truth, probabilities, rules, taxonomy)
            except Exception as error:
                loaded = LeftOut.by_failure(loaded.name, error)
        if isinstance(loaded, LeftOut):
            yield loaded
            continue
        image_file = out / "images" / sample.filename
        # The whole name: another image may differ in its suffix alone.
        mask_file = out / "masks" / f"{sample.filename}.png"
        for file, content in (
            (image_file, sample.image.read_bytes()),
            (mask_file, encode_mask(labels)),
        ):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        if soft:
            soft_file = out / SOFT / f"{sample.filename}.npz"
            soft_file.parent.mkdir(parents=True, exist_ok=True)
            write_soft_labels(soft_file, probabilities)
        yield loaded
