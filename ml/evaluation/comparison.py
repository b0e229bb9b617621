"""Comparison: the differences of two artifacts, and whether the second one is worse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data.annotated import LeftOut, LoadedImage
from ml.evaluation.gallery import (
    RIGHTED,
    STILL_WRONG,
    WRONG,
    GalleryImage,
    PanelPainter,
    largest_confusions,
)
from ml.evaluation.inference import infer_images
from ml.evaluation.measures.bootstrap import paired_intervals
from ml.evaluation.measures.breakdown import Breakdown
from ml.evaluation.summary import (
    LEVEL,
    OVERALL,
    interval_or_none,
    none_if_nan,
    overall_scores,
    score_names,
)
from ml.inference.segmenter import Segmenter
from roadmask.masks.scores import confusion
from roadmask.masks.taxonomy import Taxonomy

TURNS = 10
"""Number of most frequent changes of category that are reported."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One image with the masks of both artifacts; masks and truth are uint8 (H, W)."""

    name: str
    image: NDArray[np.uint8]
    """RGB, uint8 (H, W, 3)."""
    truth: NDArray[np.uint8]
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    turns: NDArray[np.int64]
    """Counts of labelled pixels, int64 (n, n): rows are the first mask, columns the second."""

    @property
    def share(self) -> float:
        """Share of the labelled pixels on which the masks differ; NaN if no pixel is labelled."""
        total = int(self.turns.sum())
        return 1 - int(self.turns.trace()) / total if total else float("nan")


class Comparison:
    """Compares two segmenters on the same images. Only labelled pixels count."""

    def __init__(self, before: Segmenter, after: Segmenter, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self._segmenters = before, after
        self._before: list[NDArray[np.int64]] = []
        self._after: list[NDArray[np.int64]] = []
        size = len(taxonomy)
        self._triples = np.zeros((size, size, size), np.int64)
        self._breakdowns = Breakdown(taxonomy), Breakdown(taxonomy)

    def run(
        self, images: Iterable[LoadedImage], left_out: list[LeftOut] | None = None
    ) -> Iterator[Compared]:
        """Compare on the images, and yield each one when it is counted.

        Images on which one of the two fails are noted in `left_out`. Raises as `infer_images`.
        """
        for each, (before, after) in infer_images(images, self._predict, left_out):
            yield self._count(each.name, each.image, each.truth, before, after)

    def summarize(self, tolerance: float = 0.0) -> dict[str, Any]:
        """Scores of both, their changes with paired intervals, and their disagreement.

        `fallen` are the categories whose interval is wholly below `-tolerance` (IoU).
        """
        measure = partial(overall_scores, taxonomy=self.taxonomy)
        first, second = np.array(self._before), np.array(self._after)
        change = paired_intervals(first, second, measure, level=LEVEL)
        values = zip(
            measure(first.sum(axis=0)),
            measure(second.sum(axis=0)),
            *change,
            strict=True,
        )
        changes = {
            name: {
                "a": none_if_nan(a),
                "b": none_if_nan(b),
                "change": none_if_nan(difference),
                "interval": interval_or_none(low, high),
                "fell": bool(high < -tolerance),
            }
            for name, (a, b, difference, low, high) in zip(
                score_names(self.taxonomy), values, strict=True
            )
        }
        overall = {name: changes.pop(name) for name in OVERALL}
        return {
            "images": len(first),
            **overall,
            "per_category": changes,
            "level": LEVEL,
            "tolerance": tolerance,
            "fallen": [name for name, each in changes.items() if each["fell"]],
            "disagreement": self._disagreement(),
            "breakdown": dict(
                zip("ab", (each.summarize() for each in self._breakdowns), strict=True)
            ),
        }

    def _predict(self, batch: Sequence[LoadedImage]) -> list[tuple[NDArray[np.uint8], ...]]:
        """The two masks of each image."""
        pictures = [each.image for each in batch]
        masks = (segmenter.predict(pictures) for segmenter in self._segmenters)
        return list(zip(*masks, strict=True))

    def _count(
        self,
        name: str,
        image: NDArray[np.uint8],
        truth: NDArray[np.uint8],
        before: NDArray[np.uint8],
        after: NDArray[np.uint8],
    ) -> Compared:
        size = len(self.taxonomy)
        labelled = truth != self.taxonomy.void
        places = (truth.astype(np.int64) * size + before) * size + after
        triples = np.bincount(places[labelled], minlength=size**3).reshape(size, size, size)
        self._triples += triples
        for breakdown, mask in zip(self._breakdowns, (before, after), strict=True):
            breakdown.add(truth, mask)
        self._before.append(confusion(truth, before, size))
        self._after.append(confusion(truth, after, size))
        return Compared(name, image, truth, before, after, triples.sum(axis=0))

    def _disagreement(self) -> dict[str, Any]:
        """Shares of the labelled pixels, and the most frequent changes with what they correct."""
        triples, names = self._triples, self.taxonomy.names
        total = max(int(triples.sum()), 1)
        every = np.arange(len(triples))
        # Where the truth is what one of the two says, both being equal included.
        before_right, after_right = triples[every, every], triples[every, :, every]
        both_right = int(triples[every, every, every].sum())
        turns = triples.sum(axis=0)
        apart = int(turns.sum() - turns.trace())
        righted = int(after_right.sum()) - both_right
        broken = int(before_right.sum()) - both_right
        return {
            "share": apart / total,
            "put_right": righted / total,
            "broken": broken / total,
            "wrong_otherwise": (apart - righted - broken) / total,
            "turns": [
                {
                    "from": old,
                    "to": new,
                    "share": pixels / total,
                    "right_before": int(before_right[names.index(old), names.index(new)]) / pixels,
                    "right_now": int(after_right[names.index(new), names.index(old)]) / pixels,
                }
                for old, new, pixels in largest_confusions(turns, self.taxonomy, TURNS)
            ],
        }


def gallery_image(compared: Compared, taxonomy: Taxonomy) -> GalleryImage:
    """One image with both masks, and a map of the pixels on which they differ."""
    truth, before, after = compared.truth, compared.before, compared.after
    apart = (before != after) & (truth != taxonomy.void)
    righted, broken = apart & (after == truth), apart & (before == truth)
    total = max(int((truth != taxonomy.void).sum()), 1)
    canvas = PanelPainter.of(compared.image, taxonomy)
    return GalleryImage(
        compared.name,
        [
            f"{compared.share:.1%} of the pixels differ",
            f"put right {righted.sum() / total:.1%}",
            f"broken {broken.sum() / total:.1%}",
            *(
                f"{old} became {new}: {pixels / total:.1%}"
                for old, new, pixels in largest_confusions(compared.turns, taxonomy)
            ),
        ],
        [
            canvas.photo("Image"),
            canvas.mask("Truth", truth),
            canvas.mask("A", before),
            canvas.mask("B", after),
            canvas.marks(
                "What changed",
                (apart, STILL_WRONG),
                (righted, RIGHTED),
                (broken, WRONG),
            ),
        ],
    )
