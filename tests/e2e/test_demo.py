"""The demo, as a stranger runs it: from nothing to masks that were fetched through their URLs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadmask import decode_mask
from roadmask.images.layouts import find_samples
from tests.harness.client.program import run_roadmask


@pytest.mark.timeout(300)
def test_the_demo_shows_masks_and_scores_and_ends(tmp_path: Path) -> None:
    done = run_roadmask("demo", "--count", "3", "--data-dir", "data", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^(scenes/\S+) +([\d.]+)% +([\d.]+)%  (http\S+)$", done.stdout, re.MULTILINE)
    samples = find_samples(tmp_path / "data/demo-scenes")
    assert [row[0] for row in rows] == [f"scenes/{sample.name}" for sample in samples]
    assert len({row[3] for row in rows}) == 3
    for sample in samples:
        mask = decode_mask((tmp_path / "demo-masks" / f"{sample.name}.png").read_bytes())
        with Image.open(sample.image) as image:
            width, height = image.size
        assert mask.shape == (height, width)
        with Image.open(tmp_path / "demo-masks/compare" / f"{sample.name}.png") as panels:
            assert panels.size == (3 * width, height)
            shown = np.asarray(panels.convert("RGB"))[:, 2 * width :]
        assert len(np.unique(shown.reshape(-1, 3), axis=0)) == len(np.unique(mask))
    assert "3 of 3 masks were fetched" in done.stdout
    program = re.search(r"^Next: `(\S+) up`", done.stdout, re.MULTILINE)
    assert program
    assert shutil.which(program[1]) or (tmp_path / program[1]).is_file()
