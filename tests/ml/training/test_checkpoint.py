"""Checkpoints that were cut off, or are something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.recipes.registry import UNET_MINI
from ml.training.checkpoint import TrainingState, read_progress, save_checkpoint
from roadmask.errors import InvalidRequest


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.999])
def test_a_checkpoint_that_is_cut_off_is_named(tmp_path: Path, share: float) -> None:
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, UNET_MINI, TrainingState(epoch=3), {"model": [np.zeros(1000)]})
    assert read_progress(path, UNET_MINI).epoch == 3
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InvalidRequest, match=r"checkpoint\.npz is damaged"):
        read_progress(path, UNET_MINI)


def test_another_file_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    np.savez(path, weights=np.zeros(3))
    with pytest.raises(InvalidRequest, match="is no checkpoint"):
        read_progress(path)
