from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadmask.camvid import colors_to_categories
from roadmask.categories import CITYSCAPES
from roadmask.errors import InvalidRequest
from roadmask.folders import find_samples, read_truth, unread_photos
from roadmask.masks import colorize, encode_mask

MASK = np.arange(8, dtype=np.uint8).reshape(2, 4)


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def picture(path: Path) -> Path:
    return save(path, np.zeros((2, 4, 3), np.uint8))


@pytest.mark.parametrize(
    ("kind", "ids"),
    [
        ("labelIds", [0, 7, 11, 17, 21, 23, 24, 26]),
        ("labelTrainIds", [255, 0, 2, 5, 8, 10, 11, 13]),
    ],
)
def test_cityscapes(tmp_path: Path, kind: str, ids: list[int]) -> None:
    picture(tmp_path / "leftImg8bit/val/ulm/ulm_000001_000019_leftImg8bit.png")
    picture(tmp_path / "leftImg8bit/test/bonn/bonn_000000_000019_leftImg8bit.png")
    truth = tmp_path / f"gtFine/val/ulm/ulm_000001_000019_gtFine_{kind}.png"
    save(truth, np.array(ids, np.uint8).reshape(2, 4))
    without, sample = find_samples(tmp_path)
    assert (without.name, without.truth) == ("test/bonn/bonn_000000_000019", None)
    assert sample.name == "val/ulm/ulm_000001_000019"
    assert (read_truth(sample) == MASK).all()
    with pytest.raises(InvalidRequest, match="no annotated mask"):
        read_truth(without)


@pytest.mark.parametrize(("images", "masks"), [("images", "masks11"), ("train", "trainannot")])
def test_camvid_with_eleven_classes(tmp_path: Path, images: str, masks: str) -> None:
    picture(tmp_path / images / "0016E5_00001.png")
    save(tmp_path / masks / "0016E5_00001.png", np.arange(12, dtype=np.uint8).reshape(2, 6))
    (sample,) = find_samples(tmp_path)
    assert read_truth(sample).ravel().tolist() == [5, 2, 3, 1, 1, 4, 3, 2, 7, 6, 6, 0]


def test_camvid_with_thirty_two_colours(tmp_path: Path) -> None:
    picture(tmp_path / "701_StillsRaw_full/0001TP_1.png")
    colors = [[(128, 64, 128), (128, 0, 0)], [(128, 128, 128), (0, 0, 0)]]
    save(tmp_path / "LabeledApproved_full/0001TP_1_L.png", np.array(colors, np.uint8))
    (sample,) = find_samples(tmp_path)
    assert read_truth(sample).tolist() == [[1, 2], [5, 0]]


def test_every_one_of_the_thirty_two_colours() -> None:
    """The published label table of CamVid, in its order; the category each stands for."""
    table = """64 128 64 void, 192 0 128 construction, 0 128 192 human, 0 128 64 construction,
        128 0 0 construction, 64 0 128 vehicle, 64 0 192 human, 192 128 64 human,
        192 192 128 object, 64 64 128 construction, 128 0 192 flat, 192 0 64 flat,
        128 128 64 object, 192 0 192 vehicle, 128 64 64 vehicle, 64 192 128 flat, 64 64 0 human,
        128 64 128 flat, 128 128 192 flat, 0 0 192 flat, 192 128 128 object, 128 128 128 sky,
        64 128 192 vehicle, 0 0 64 object, 0 64 64 object, 192 64 128 vehicle, 128 128 0 nature,
        192 128 192 vehicle, 64 0 64 construction, 192 192 0 nature, 0 0 0 void,
        64 192 0 construction"""
    rows = [row.split() for row in table.split(",")]
    assert len({tuple(row[:3]) for row in rows}) == 32
    colors = np.array([[int(part) for part in row[:3]] for row in rows], np.uint8)
    assert [CITYSCAPES.names[i] for i in colors_to_categories(colors[None])[0]] == [
        row[3] for row in rows
    ]


def test_a_split_is_named_by_its_own_folder(tmp_path: Path) -> None:
    for split in ("train", "val"):
        picture(tmp_path / f"cityscapes/leftImg8bit/{split}/ulm/{split}_leftImg8bit.png")
        save(tmp_path / f"cityscapes/gtFine/{split}/ulm/{split}_gtFine_labelIds.png", MASK)
        picture(tmp_path / f"segnet/{split}/{split}.png")
        save(tmp_path / f"segnet/{split}annot/{split}.png", MASK)
        picture(tmp_path / f"colors/{split}/{split}.png")
        save(tmp_path / f"colors/{split}_labels/{split}_L.png", colorize(MASK))
    (city,) = find_samples(tmp_path / "cityscapes/leftImg8bit/val")
    assert city.name == "val/ulm/val"
    for folder in ("segnet/val", "colors/val"):
        (sample,) = find_samples(tmp_path / folder)
        assert sample.name == "val"
        assert read_truth(sample).shape == MASK.shape
    assert len(find_samples(tmp_path / "cityscapes")) == 2


@pytest.mark.parametrize("layout", ["plain", "camvid11", "colors"])
def test_a_broken_mask_is_named(tmp_path: Path, layout: str) -> None:
    masks = {"plain": "masks", "camvid11": "masks11", "colors": "labels"}[layout]
    picture(tmp_path / "images/x.png")
    path = save(tmp_path / masks / "x.png", np.ones((64, 64), np.uint8))
    (sample,) = find_samples(tmp_path)
    for content in (b"", path.read_bytes()[:60], b"no picture"):
        path.write_bytes(content)
        with pytest.raises(InvalidRequest, match=r"x\.png cannot be read"):
            read_truth(sample)


def test_plain_masks_are_indices_or_palette_colours(tmp_path: Path) -> None:
    for name in ("a/index", "b/color", "c/canonical"):
        picture(tmp_path / f"images/{name}.jpg")
    save(tmp_path / "masks/a/index.png", MASK)
    save(tmp_path / "masks/b/color.png", colorize(MASK))
    canonical = tmp_path / "masks/c/canonical.png"
    canonical.parent.mkdir()
    canonical.write_bytes(encode_mask(MASK))
    samples = find_samples(tmp_path)
    assert [sample.name for sample in samples] == ["a/index", "b/color", "c/canonical"]
    for sample in samples:
        assert (read_truth(sample) == MASK).all()


def test_255_is_void_and_other_strange_indices_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "images/x.png")
    save(tmp_path / "masks/x.png", np.array([[1, 255]], np.uint8))
    (sample,) = find_samples(tmp_path)
    assert read_truth(sample).tolist() == [[1, CITYSCAPES.void]]
    save(tmp_path / "masks/x.png", np.array([[1, 19]], np.uint8))
    with pytest.raises(InvalidRequest, match="index 19"):
        read_truth(sample)
    save(tmp_path / "masks/x.png", np.full((1, 1, 3), 77, np.uint8))
    with pytest.raises(InvalidRequest, match="not in the palette"):
        read_truth(sample)


def test_a_folder_of_images_needs_no_masks(tmp_path: Path) -> None:
    for name in ("b.JPG", "a/deep/x.png", ".hidden/y.png", "notes.txt"):
        path = tmp_path / name
        if path.suffix == ".txt":
            path.write_text("no image")
        else:
            picture(path)
    assert [sample.name for sample in find_samples(tmp_path)] == ["a/deep/x", "b"]
    assert all(sample.truth is None for sample in find_samples(tmp_path))


def test_nothing_to_find_is_said_with_advice(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="holds no images"):
        find_samples(tmp_path)
    with pytest.raises(InvalidRequest, match="is not a folder"):
        find_samples(tmp_path / "missing")


def test_photos_in_forms_that_are_not_taken_are_told(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "notes.txt").write_text("no photo")
    assert unread_photos(tmp_path) == ""
    for name in ("b.HEIC", "raw/c.dng", ".hidden/d.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"a photo")
    assert unread_photos(tmp_path).startswith("Photos left out: 2 (.dng, .heic). Convert")
    with pytest.raises(InvalidRequest, match=r"holds no images .* left out: 1 \(\.dng\)"):
        find_samples(tmp_path / "raw")
