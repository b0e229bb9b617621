"""A training run that takes moments, here or in a process of its own: `python -m tests.ml.narrow
DATA FOLDER CHECKPOINT_S` tells its place after each step and waits for a line before the next."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from ml.models.registry import NETWORKS
from ml.models.unet_mini import UNetMini
from ml.recipes.registry import UNET_MINI
from ml.run import Moment, Run
from ml.training import train

NETWORK = partial(UNetMini, widths=(4, 4, 8, 8, 16))
RECIPE = replace(UNET_MINI.smoke(), network="narrow", crop=(32, 48), budget=32 * 48)


def run_of(data: Path, folder: Path, checkpoint_s: float = 300.0) -> Run:
    return Run(RECIPE, [data], [data], folder, "narrow", checkpoint_s=checkpoint_s)


def wait(moment: Moment) -> None:
    if moment.values is None:
        sys.stdout.write(f"{moment.epoch}.{moment.step}\n")
        sys.stdout.flush()
        sys.stdin.readline()


if __name__ == "__main__":
    NETWORKS["narrow"] = NETWORK
    data, folder, checkpoint_s = sys.argv[1:]
    train(run_of(Path(data), Path(folder), float(checkpoint_s)), wait)
