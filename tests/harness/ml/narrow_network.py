"""A training run that takes seconds, in this process or in one of its own.

`python -m tests.harness.ml.narrow_network DATA FOLDER CHECKPOINT_S` prints its position after each
step and waits for a line before the next.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

from ml.data.data_source import DataSource
from ml.networks.registry import NETWORKS
from ml.networks.unet import UNetMini
from ml.recipes.registry import UNET_MINI
from ml.training.train import train
from ml.training.training_run import Run, TrainingStep
from roadmask import atomic
from tests.harness.ml.eager import eagerly

NETWORK = partial(UNetMini, widths=(4, 8))
RECIPE = replace(UNET_MINI.smoke(), network="narrow", crop=(32, 48), budget=32 * 48)


DRAFT = UUID(int=0)


def run_of(data: Path, folder: Path, checkpoint_s: float = 300.0) -> Run:
    return Run(RECIPE, [DataSource(data)], [data], folder, "narrow", checkpoint_s=checkpoint_s)


def wait(moment: TrainingStep) -> None:
    if moment.values is None:
        sys.stdout.write(f"{moment.epoch}.{moment.step}\n")
        sys.stdout.flush()
        sys.stdin.readline()


def draft_of(path: Path) -> Path:
    """The draft of a file that the process of its own writes: always under the same name."""
    return path.parent / f".{DRAFT.hex}.part{path.suffix}"


if __name__ == "__main__":
    setattr(atomic, "uuid4", lambda: DRAFT)  # noqa: B010 - the module does not export it
    NETWORKS["narrow"] = NETWORK
    data, folder, checkpoint_s = sys.argv[1:]
    with eagerly():
        train(run_of(Path(data), Path(folder), float(checkpoint_s)), wait)
