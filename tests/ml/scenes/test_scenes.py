"""Rendered scenes: the same again, complete, and true to their pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from ml.cli.scenes import scenes
from ml.scenes import Scene, render
from roadmask.images.decoding import decode
from roadmask.images.layouts import find_samples, read_truth
from roadmask.masks.taxonomy import CITYSCAPES

SEEDS = range(8)
SKY, FLAT, NATURE = (CITYSCAPES.index(name) for name in ("sky", "flat", "nature"))


@pytest.fixture(scope="module")
def streets() -> list[Scene]:
    return [render(seed, 240, 180) for seed in SEEDS]


def test_same_seed_gives_same_scene(streets: list[Scene]) -> None:
    again = render(3, 240, 180)
    assert np.array_equal(again.image, streets[3].image)
    assert np.array_equal(again.truth, streets[3].truth)


def test_other_seeds_give_other_scenes(streets: list[Scene]) -> None:
    assert len({scene.image.tobytes() for scene in streets}) == len(SEEDS)
    assert len({scene.truth.tobytes() for scene in streets}) == len(SEEDS)


@pytest.mark.parametrize(("width", "height"), [(480, 360), (101, 77), (33, 200), (320, 96)])
def test_sizes_are_exact(width: int, height: int) -> None:
    scene = render(5, width, height)
    assert scene.image.shape == (height, width, 3)
    assert scene.truth.shape == (height, width)
    assert scene.image.dtype == scene.truth.dtype == np.uint8


def test_truth_holds_every_category_and_nothing_else(streets: list[Scene]) -> None:
    found = np.bincount(np.concatenate([scene.truth.ravel() for scene in streets]))
    assert len(found) == len(CITYSCAPES)
    assert (found > 0).all()


def test_shares_are_those_of_a_street(streets: list[Scene]) -> None:
    counts = np.bincount(np.concatenate([scene.truth.ravel() for scene in streets]))
    shares = dict(zip(CITYSCAPES.names, counts / counts.sum(), strict=True))
    assert 0.25 < shares["flat"] < 0.5
    assert 0.1 < shares["construction"] < 0.4
    assert 0.03 < shares["sky"] < 0.3
    assert shares["void"] < 0.1


def test_sky_is_above_and_brighter_than_the_road(streets: list[Scene]) -> None:
    for scene in streets:
        sky, road = scene.truth == SKY, scene.truth == FLAT
        assert np.nonzero(sky)[0].mean() < np.nonzero(road)[0].mean()
        assert np.nonzero(sky)[0].max() < 0.62 * len(sky)
        assert scene.image[sky].mean() > scene.image[road].mean() + 10


def test_leaves_are_rougher_than_sky(streets: list[Scene]) -> None:
    """Edges of the picture lie inside foliage and not inside the sky."""
    rough: dict[int, list[float]] = {SKY: [], NATURE: []}
    for scene in streets:
        grey = cv2.cvtColor(scene.image, cv2.COLOR_RGB2GRAY)
        edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
        for category, found in rough.items():
            inside = cv2.erode((scene.truth == category).astype(np.uint8), np.ones((5, 5)))
            if inside.sum() > 300:
                found.append(float(edges[inside > 0].mean()))
    assert np.median(rough[NATURE]) > 1.5 * np.median(rough[SKY])


def test_edges_of_truth_lie_on_edges_of_the_picture(streets: list[Scene]) -> None:
    """The outline of the sky is where the picture changes most; elsewhere nearby it is not."""
    on, beside = [], []
    for scene in streets:
        grey = cv2.cvtColor(scene.image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        slope = np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1))
        sky = (scene.truth == SKY).astype(np.uint8)
        outline = sky[:-1] != sky[1:]
        on.append(float(slope[:-1][outline].mean()))
        moved = np.roll(outline, -8, axis=0)
        beside.append(float(slope[:-1][moved].mean()))
    assert np.mean(on) > 2 * np.mean(beside)


def test_a_size_changes_no_street() -> None:
    """A larger photograph of one seed shows the same street."""
    small, large = render(4, 240, 180).truth, render(4, 480, 360).truth[::2, ::2]
    assert (small == large).mean() > 0.9


def test_command_writes_a_folder_of_samples(tmp_path: Path) -> None:
    arguments = [str(tmp_path / "out"), "--count", "2", "--seed", "9", "--size", "120x90"]
    result = CliRunner().invoke(scenes, arguments)
    assert result.exit_code == 0, result.output
    samples = find_samples(tmp_path / "out")
    assert [sample.image.name for sample in samples] == ["000001.jpg", "000002.jpg"]
    for number, sample in enumerate(samples):
        expected = render(9 + number, 120, 90)
        assert np.array_equal(read_truth(sample), expected.truth)
        image = decode(sample.image.read_bytes(), max_pixels=120 * 90)
        assert np.abs(image.astype(int) - expected.image).mean() < 6


def test_command_writes_png_without_loss_and_the_same_bytes_again(tmp_path: Path) -> None:
    for name in ("one", "two"):
        arguments = [str(tmp_path / name), "--count", "1", "--size", "96x64", "--png"]
        assert CliRunner().invoke(scenes, arguments).exit_code == 0
    first, second = (
        (tmp_path / name / "images" / "000001.png").read_bytes() for name in ("one", "two")
    )
    assert first == second
    assert np.array_equal(decode(first, max_pixels=96 * 64), render(0, 96, 64).image)


@pytest.mark.parametrize("size", ["480", "480x", "0x10", "axb", "99999x10"])
def test_command_explains_a_bad_size(tmp_path: Path, size: str) -> None:
    result = CliRunner().invoke(scenes, [str(tmp_path / "out"), "--size", size])
    assert result.exit_code == 2
    assert "480x360" in result.output
