"""Every form can be rendered, and pictures and arrays are what their readers expect."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling import args, evaluateImgLists
from cityscapesscripts.helpers.labels import id2label, trainId2label
from PIL import Image

from roadmask.images.labels.label_sets import LABEL_IDS, TRAIN_IDS
from roadmask.masks.codec import colorize, encode_mask
from roadmask.masks.formats.render import render
from roadmask.masks.taxonomy import CITYSCAPES, lookup
from roadmask.schemas.mask_formats import MEDIA_TYPES, MaskFormat
from tests.roadmask.masks.formats.masks import blobs, masked, noise

MASK = blobs((60, 90))
MADE_ELSEWHERE = {MaskFormat.OVERLAY, MaskFormat.CONFIDENCE}


def pixels(form: MaskFormat) -> np.ndarray:
    with Image.open(io.BytesIO(render(masked(MASK), form))) as picture:
        return np.array(picture)


@pytest.mark.parametrize("form", sorted(set(MaskFormat) - MADE_ELSEWHERE))
def test_the_same_mask_gives_the_same_bytes(form: MaskFormat) -> None:
    assert render(masked(MASK), form) == render(masked(MASK.copy()), form) != b""


def test_every_form_has_a_media_type() -> None:
    assert {form.media_type for form in MaskFormat} == set(MEDIA_TYPES.values())


def test_png_is_the_canonical_form() -> None:
    assert render(masked(MASK), MaskFormat.PNG) == encode_mask(MASK)


def test_color_shows_the_palette() -> None:
    assert np.array_equal(pixels(MaskFormat.COLOR), colorize(MASK))


@pytest.mark.parametrize(
    ("form", "labels", "back"),
    [
        (MaskFormat.LABELIDS, id2label, lookup(dict(LABEL_IDS.ids))),
        (MaskFormat.TRAINIDS, trainId2label, lookup(dict(TRAIN_IDS.ids))),
    ],
)
def test_cityscapes_ids_are_labels_of_their_categories(
    form: MaskFormat, labels: dict[int, Any], back: np.ndarray
) -> None:
    ids = pixels(form)
    assert ids.dtype == np.uint8
    for value in np.unique(ids).tolist():
        [category] = np.unique(MASK[ids == value]).tolist()
        assert labels[value].category == CITYSCAPES.names[category]
    assert np.array_equal(back[ids], MASK)


def test_cityscapesscripts_scores_label_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"evalInstLevelScore": False, "JSONOutput": False, "quiet": True}.items():
        monkeypatch.setattr(args, name, value)
    truth, guess = tmp_path / "truth.png", tmp_path / "guess.png"
    wrong = MASK.copy()
    wrong[:30] = noise((30, 90))
    truth.write_bytes(render(masked(MASK), MaskFormat.LABELIDS))
    guess.write_bytes(render(masked(wrong), MaskFormat.LABELIDS))
    perfect = evaluateImgLists([str(truth)], [str(truth)], args)["categoryScores"]
    assert {perfect[name] for name in CITYSCAPES.names[1:]} == {1.0}
    scored = evaluateImgLists([str(guess)], [str(truth)], args)["categoryScores"]
    counted = CITYSCAPES.void != MASK
    for index in CITYSCAPES.real:
        both = counted & (index == MASK) & (wrong == index)
        either = counted & ((index == MASK) | (wrong == index))
        assert scored[CITYSCAPES.names[index]] == pytest.approx(both.sum() / either.sum())


def test_npz_says_what_its_numbers_mean() -> None:
    with np.load(io.BytesIO(render(masked(MASK), MaskFormat.NPZ)), allow_pickle=False) as archive:
        assert np.array_equal(archive["mask"], MASK)
        assert archive["names"].tolist() == list(CITYSCAPES.names)
        assert np.array_equal(archive["palette"][archive["mask"]], colorize(MASK))
