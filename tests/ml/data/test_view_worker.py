"""Workers that are killed, and workers whose training is killed."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from ml.data.batches import Batches
from ml.data.samples import annotated_samples
from ml.recipes.registry import UNET_MINI
from roadmask.errors import RoadmaskError
from tests.harness.waiting import wait_until

RECIPE = replace(UNET_MINI, crop=(32, 48), batch=1)

SCRIPT = """
import multiprocessing, sys, time
from dataclasses import replace
from pathlib import Path
from ml.data.batches import Batches
from ml.data.samples import annotated_samples
from ml.recipes.registry import UNET_MINI

if __name__ == "__main__":
    recipe = replace(UNET_MINI, crop=(32, 48), batch=1)
    batches = Batches(annotated_samples(Path(sys.argv[1])), recipe, workers=2)
    next(batches.epoch(1))
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    time.sleep(600)
"""


def test_a_killed_training_leaves_no_workers_behind(streets: Path, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, script, streets], stdout=subprocess.PIPE, text=True
    ) as training:
        assert training.stdout is not None
        files = [Path(f"/proc/{pid}/cmdline") for pid in training.stdout.readline().split()]
        assert len(files) == 2
        assert all(file.read_bytes() for file in files)
        training.kill()
    # A dead process that nobody has asked about yet has no command line any more.
    wait_until(lambda: not any(file.exists() and file.read_bytes() for file in files))


def test_a_killed_worker_ends_the_epoch_with_advice(streets: Path) -> None:
    others = set(multiprocessing.active_children())
    batches = Batches(annotated_samples(streets), RECIPE, workers=2)
    next(batches.epoch(1))
    (set(multiprocessing.active_children()) - others).pop().kill()
    with pytest.raises(RoadmaskError, match="worker ended"):
        list(chain.from_iterable(batches.epoch(number) for number in range(2, 1000)))
