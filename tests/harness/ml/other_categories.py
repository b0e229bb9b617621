"""An artifact whose categories are not those of the service."""

from __future__ import annotations

import shutil
from pathlib import Path

from ml.registry.artifact import Artifact, find_artifact, write_card

NAME = "other_categories"


def with_other_categories(folder: Path) -> Artifact:
    """A copy of a shipped artifact whose card has two categories the other way round."""
    source = find_artifact("unet_mini")
    shutil.copytree(source.path, folder)
    *labels, last, first = source.card.categories.labels
    categories = source.card.categories.model_copy(update={"labels": [*labels, first, last]})
    changes = {"name": NAME, "categories": categories}
    return write_card(folder, source.card.model_copy(update=changes))
