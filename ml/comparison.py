"""Comparison: where two artifacts answer differently, and whether the second fell behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data.annotated import Annotated
from ml.engines.engine import BATCH
from ml.exhibits import RIGHTED, STILL_WRONG, WRONG, Canvas, Exhibit, largest
from ml.findings import LEVEL, OVERALL, bounds, gauge, known, labels
from ml.measures.bootstrap import paired_intervals
from ml.segmenter import Segmenter
from roadmask.categories import Taxonomy
from roadmask.scores import confusion

TURNS = 10
"""The most frequent turns from one category to another that are told."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One image as both artifacts saw it; masks and truth are uint8 (H, W)."""

    name: str
    image: NDArray[np.uint8]
    """RGB, uint8 (H, W, 3)."""
    truth: NDArray[np.uint8]
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    turns: NDArray[np.int64]
    """Labelled pixels, int64 (n, n): rows are what the first says, columns the second."""

    @property
    def share(self) -> float:
        """The share of the labelled pixels on which the two differ; NaN when none is labelled."""
        total = int(self.turns.sum())
        return 1 - int(self.turns.trace()) / total if total else float("nan")


class Comparison:
    """Two segmenters on the same images; only labelled pixels count."""

    def __init__(self, before: Segmenter, after: Segmenter, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self._segmenters = before, after
        self._before: list[NDArray[np.int64]] = []
        self._after: list[NDArray[np.int64]] = []
        size = len(taxonomy)
        self._triples = np.zeros((size, size, size), np.int64)

    def run(self, images: Iterable[Annotated]) -> Iterator[Compared]:
        """Compare on the images and yield each one once it is counted.

        Raises what `Evaluation.run` does.
        """
        rest = iter(images)
        while batch := list(islice(rest, BATCH)):
            pictures = [each.decode(each.read_image()) for each in batch]
            masks = (segmenter.predict(pictures) for segmenter in self._segmenters)
            for each, image, before, after in zip(batch, pictures, *masks, strict=True):
                yield self._count(each.name, image, each.truth_for(image), before, after)

    def findings(self, tolerance: float = 0.0) -> dict[str, Any]:
        """Scores of both, their changes with paired intervals, and where the two differ.

        `fallen` are the categories whose interval lies wholly below `-tolerance` (IoU).
        """
        measure = partial(gauge, taxonomy=self.taxonomy)
        first, second = np.array(self._before), np.array(self._after)
        change = paired_intervals(first, second, measure, level=LEVEL)
        values = zip(
            measure(first.sum(axis=0)),
            measure(second.sum(axis=0)),
            *change,
            strict=True,
        )
        told = {
            name: {
                "a": known(a),
                "b": known(b),
                "change": known(difference),
                "interval": bounds(low, high),
                "fell": bool(high < -tolerance),
            }
            for name, (a, b, difference, low, high) in zip(
                labels(self.taxonomy), values, strict=True
            )
        }
        overall = {name: told.pop(name) for name in OVERALL}
        return {
            "images": len(first),
            **overall,
            "per_category": told,
            "level": LEVEL,
            "tolerance": tolerance,
            "fallen": [name for name, each in told.items() if each["fell"]],
            "disagreement": self._disagreement(),
        }

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
        self._before.append(confusion(truth, before, size))
        self._after.append(confusion(truth, after, size))
        return Compared(name, image, truth, before, after, triples.sum(axis=0))

    def _disagreement(self) -> dict[str, Any]:
        """Shares of the labelled pixels, and the most frequent turns with what they put right."""
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
                    "from": said,
                    "to": now,
                    "share": pixels / total,
                    "right_before": int(before_right[names.index(said), names.index(now)]) / pixels,
                    "right_now": int(after_right[names.index(now), names.index(said)]) / pixels,
                }
                for said, now, pixels in largest(turns, self.taxonomy, TURNS)
            ],
        }


def exhibit(compared: Compared, taxonomy: Taxonomy) -> Exhibit:
    """One image with both masks and what became of the pixels on which they differ."""
    truth, before, after = compared.truth, compared.before, compared.after
    apart = (before != after) & (truth != taxonomy.void)
    righted, broken = apart & (after == truth), apart & (before == truth)
    total = max(int((truth != taxonomy.void).sum()), 1)
    canvas = Canvas.of(compared.image, taxonomy)
    return Exhibit(
        compared.name,
        [
            f"{compared.share:.1%} of the pixels differ",
            f"put right {righted.sum() / total:.1%}",
            f"broken {broken.sum() / total:.1%}",
            *(
                f"{said} became {now}: {pixels / total:.1%}"
                for said, now, pixels in largest(compared.turns, taxonomy)
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
