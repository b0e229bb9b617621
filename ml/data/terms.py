"""Terms: what the sources of training data ask of those who share a model learnt from them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

TERMS = {
    "camvid": (
        "Learnt from CamVid, whose owners give no licence; the SegNet edition is for personal and "
        "research use (CC BY-NC 4.0). Use these weights for non-commercial research only, and "
        "cite: G. J. Brostow, J. Fauqueur, R. Cipolla, Semantic object classes in video: A "
        "high-definition ground truth database, Pattern Recognition Letters 30(2), 2009; "
        "V. Badrinarayanan, A. Kendall, R. Cipolla, SegNet, IEEE TPAMI 39(12), 2017."
    ),
    "cityscapes": (
        "Learnt from Cityscapes, which is for non-commercial use. Cite: M. Cordts et al., The "
        "Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016."
    ),
    "scenes": "Learnt from scenes rendered by Roadmask: no terms of others apply to these.",
}
"""By a word in the data set folder's path."""


def notices(folders: Iterable[Path]) -> list[str]:
    """The terms that come with data from these folders; unknown sources are named as such."""
    found = []
    for folder in folders:
        path = str(folder.resolve()).lower()
        known = [text for word, text in TERMS.items() if word in path]
        found += known or [f"Learnt from {folder.name}: check its terms before sharing the model."]
    return list(dict.fromkeys(found))
