from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadmask.errors import InvalidRequest
from roadmask.images.image_files import find_images, find_skipped
from roadmask.images.labels.label_option import LabelOption
from roadmask.images.layouts import find_samples, read_folder, read_truth
from roadmask.images.reading import Reading
from roadmask.masks.codec import colorize, encode_mask
from roadmask.masks.taxonomy import CITYSCAPES

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


@pytest.mark.parametrize("layout", ["plain", "camvid11"])
def test_a_broken_mask_is_named(tmp_path: Path, layout: str) -> None:
    masks = {"plain": "masks", "camvid11": "masks11"}[layout]
    picture(tmp_path / "images/x.png")
    path = save(tmp_path / masks / "x.png", np.ones((64, 64), np.uint8))
    (sample,) = find_samples(
        tmp_path, Reading(LabelOption("roadmask" if layout == "plain" else "camvid11"))
    )
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
    (sample,) = find_samples(tmp_path, Reading(LabelOption("roadmask")))
    assert read_truth(sample).tolist() == [[1, CITYSCAPES.void]]
    save(tmp_path / "masks/x.png", np.array([[1, 19]], np.uint8))
    with pytest.raises(InvalidRequest, match=r"19 \(1 pixels\)"):
        read_truth(sample)
    save(tmp_path / "masks/x.png", np.full((1, 1, 3), 77, np.uint8))
    with pytest.raises(InvalidRequest, match=r"77 \(1 pixels\)"):
        find_samples(tmp_path, Reading(LabelOption("roadmask")))


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
    with pytest.raises(InvalidRequest, match="contains no images"):
        find_samples(tmp_path)
    with pytest.raises(InvalidRequest, match="is not a folder"):
        find_samples(tmp_path / "missing")


def test_readable_photos_of_every_suffix_are_found_and_others_named(tmp_path: Path) -> None:
    for suffix in ("jfif", "jpe", "jif", "HIF", "dib", "jpg"):
        (tmp_path / f"read.{suffix}").write_bytes(b"a photo")
    assert len(find_images(tmp_path)) == 6
    others = ["3fr", "CRW", "exr", "iiq", "mrw", "pef", "ppm", "psd", "rwl", "srw", "tga", "x3f"]
    for suffix in others:
        (tmp_path / f"other.{suffix}").write_bytes(b"a photo")
    assert len(find_skipped(tmp_path).unsupported) == len(others)


def test_what_is_skipped_is_counted_and_named(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "notes.txt").write_text("no photo")
    assert find_skipped(tmp_path).messages(tmp_path) == []
    for name in ("b.GIF", "raw/c.dng", ".hidden/d.png", "._a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"a photo")
    (tmp_path / "dangling.jpg").symlink_to("/nowhere/a.jpg")
    (tmp_path / "other").symlink_to(tmp_path / "raw")
    (tmp_path / "good.jpg").symlink_to(tmp_path / "a.jpg")
    assert find_skipped(tmp_path).messages(tmp_path) == [
        "Skipped 2 photos (.dng, .gif). Convert them to JPEG or PNG: b.GIF, raw/c.dng.",
        "Skipped 1 hidden images, whose names begin with a dot: .hidden/d.png.",
        "Skipped 2 links to folders or to nothing. Name the folders themselves: dangling.jpg, "
        "other.",
    ]
    assert [path.name for path in find_images(tmp_path)] == ["a.jpg", "good.jpg"]
    with pytest.raises(InvalidRequest, match=r"contains no images .* Skipped 1 photos \(\.dng\)"):
        find_samples(tmp_path / "raw")


COLORS = colorize(np.arange(1, 8, dtype=np.uint8)[None])
TRAIN_IDS = np.array([[0, 2, 8, 10, 13, 18, 255]], np.uint8)
LABEL_IDS = np.array([[7, 11, 21, 23, 26, 33, 0]], np.uint8)
CAMVID = np.array([[(128, 0, 0), (128, 128, 0), (64, 0, 128)]], np.uint8)


@pytest.mark.parametrize(
    ("image", "mask", "pixels", "name", "labels"),
    [
        (
            "leftImg8bit/val/ulm/a_leftImg8bit.png",
            "gtFine/val/ulm/a_gtFine_labelIds.png",
            LABEL_IDS,
            "val/ulm/a",
            "cityscapes-ids",
        ),
        (
            "leftImg8bit/val/ulm/a_leftImg8bit.png",
            "gtFine/val/ulm/a_gtFine_color.png",
            COLORS,
            "val/ulm/a",
            "cityscapes-colors",
        ),
        (
            "leftImg8bit/val/ulm/a_leftImg8bit.png",
            "gtCoarse/val/ulm/a_gtCoarse_labelIds.png",
            LABEL_IDS,
            "val/ulm/a",
            "cityscapes-ids",
        ),
        (
            "training/image_2/000000_10.png",
            "training/semantic/000000_10.png",
            LABEL_IDS,
            "000000_10",
            "cityscapes-ids",
        ),
        (
            "image_2/000000_10.png",
            "semantic_rgb/000000_10.png",
            COLORS,
            "000000_10",
            "cityscapes-colors",
        ),
        (
            "JPEGImages/2007_1.jpg",
            "SegmentationClass/2007_1.png",
            np.array([[0, 15, 255]], np.uint8),
            "2007_1",
            "voc",
        ),
        ("JPEGImages/a.jpg", "SegmentationClass/a.png", COLORS, "a", "roadmask"),
        (
            "imgs/0_x.png",
            "masks/0_x.png",
            np.array([[(64, 32, 32), (255, 0, 0)]], np.uint8),
            "0_x",
            "comma10k",
        ),
        ("img_dir/train/a.jpg", "ann_dir/train/a.png", TRAIN_IDS, "train/a", "cityscapes-trainids"),
        ("ds0/img/a.jpg", "ds0/masks_machine/a.jpg.png", TRAIN_IDS, "a", "cityscapes-trainids"),
        (
            "validation/images/x.jpg",
            "validation/v1.2/labels/x.png",
            np.arange(66, dtype=np.uint8)[None],
            "x",
            "mapillary-1.2",
        ),
        (
            "training/images/x.jpg",
            "training/v2.0/labels/x.png",
            np.arange(124, dtype=np.uint8)[None],
            "x",
            "mapillary-2.0",
        ),
        (
            "images/10k/val/7d.jpg",
            "labels/sem_seg/masks/val/7d.png",
            TRAIN_IDS,
            "val/7d",
            "cityscapes-trainids",
        ),
        (
            "seg/images/val/7d.jpg",
            "seg/labels/val/7d_train_id.png",
            TRAIN_IDS,
            "val/7d",
            "cityscapes-trainids",
        ),
        (
            "camera/cam_front_center/2018_camera_frontcenter_01.png",
            "label/cam_front_center/2018_label_frontcenter_01.png",
            np.array([[(255, 0, 255), (241, 230, 255)]], np.uint8),
            "cam_front_center/2018_camera_frontcenter_01",
            "a2d2",
        ),
        (
            "701_StillsRaw_full/0001TP_1.png",
            "LabeledApproved_full/0001TP_1_L.png",
            CAMVID,
            "0001TP_1",
            "camvid32",
        ),
        ("val/1.png", "valannot/1.png", np.array([[0, 1, 11]], np.uint8), "1", "camvid11"),
        ("val/1.png", "val_labels/1_L.png", CAMVID, "1", "camvid32"),
        ("train/1.png", "train_masks/1_mask.png", COLORS, "1", "roadmask"),
        ("Images/a.JPG", "Masks/a_mask.PNG", COLORS, "a", "roadmask"),
        ("images/a.jpg", "masks/a.tif", COLORS, "a", "roadmask"),
        ("images/a.jpg", "masks/a.bmp", COLORS, "a", "roadmask"),
        ("image/a.jpg", "mask/A.png", COLORS, "a", "roadmask"),
        ("images/a.jpg", "labels/a_labelTrainIds.png", TRAIN_IDS, "a", "cityscapes-trainids"),
        ("images/train/a.jpg", "masks/a.png", COLORS, "train/a", "roadmask"),
        ("train/images/a.jpg", "train/masks/a-mask.png", COLORS, "a", "roadmask"),
        ("a.jpg", "a_mask.png", COLORS, "a", "roadmask"),
        ("x/a.jpg", "x/a.jpg.mask.png", COLORS, "x/a", "roadmask"),
    ],
)
def test_layouts_are_found(
    tmp_path: Path, image: str, mask: str, pixels: np.ndarray, name: str, labels: str
) -> None:
    picture(tmp_path / image)
    save(tmp_path / mask, pixels)
    found = read_folder(tmp_path)
    assert [(each.name, each.truth) for each in found.samples] == [(name, tmp_path / mask)]
    assert [choice.labels.name for choice in found.labels] == [labels]
    assert read_truth(found.samples[0]).shape == pixels.shape[:2]
    assert found.notes() == []


def test_folders_of_no_layout_are_matched_and_masks_are_no_photos(tmp_path: Path) -> None:
    picture(tmp_path / "pics/a.jpg")
    picture(tmp_path / "pics/b.jpg")
    save(tmp_path / "my_masks/a.png", COLORS)
    save(tmp_path / "my_masks/c.png", COLORS)
    found = read_folder(tmp_path)
    assert [(each.name, each.truth and each.truth.name) for each in found.samples] == [
        ("pics/a", "a.png"),
        ("pics/b", None),
    ]
    assert found.notes() == ["1 masks without an image: my_masks/c.png."]


def test_what_a_layout_leaves_out_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "training/image_2/0.png")
    save(tmp_path / "training/semantic/0.png", LABEL_IDS)
    picture(tmp_path / "testing/image_2/1.png")
    found = read_folder(tmp_path)
    assert [sample.name for sample in found.samples] == ["0"]
    assert found.notes() == [
        "1 image files in other folders, which are left out: testing/image_2/1.png."
    ]


def test_all_splits_of_a_folder_are_found(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for folder, mask in (("a", "annot/1.png"), ("b", "/masks/1.png")):
            images = f"{split}/1.png" if folder == "a" else f"{split}/images/1.png"
            picture(tmp_path / folder / images)
            save(tmp_path / folder / f"{split}{mask}", MASK)
    for folder in ("a", "b"):
        samples = find_samples(tmp_path / folder, Reading(LabelOption("roadmask")))
        assert [sample.name for sample in samples] == ["train/1", "val/1"]
        assert all(sample.truth for sample in samples)


def test_a_mask_is_that_of_one_image(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "b.jpg", "front_l.jpg", "front_r.jpg"):
        picture(tmp_path / "images" / name)
    for name in ("a.jpg.png", "b_mask.png", "b.png", "front_l.png", "c.png", "a.png.png"):
        save(tmp_path / "masks" / name, COLORS)
    found = read_folder(tmp_path)
    masks = {sample.name: sample.truth and sample.truth.name for sample in found.samples}
    assert masks == {
        "a.jpg": "a.jpg.png",
        "a.png": "a.png.png",
        "b": "b.png",
        "front_l": "front_l.png",
        "front_r": None,
    }
    assert found.notes() == ["1 masks without an image: masks/c.png."]


def test_masks_that_belong_to_no_image_are_an_error(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.jpg")
    save(tmp_path / "masks/completely_other.png", COLORS)
    assert read_folder(tmp_path).notes() == [
        "1 masks without an image: masks/completely_other.png."
    ]
    with pytest.raises(InvalidRequest, match=r"None of 1 masks .*: masks/completely_other\.png"):
        find_samples(tmp_path)


def test_images_that_look_like_masks_are_named(tmp_path: Path) -> None:
    for name in ("a_gtFine_labelIds.png", "b_mask.png", "photo.png", "x.png", "x_l.png", "c.jpg"):
        picture(tmp_path / name)
    picture(tmp_path / "c_mask.jpg")
    assert read_folder(tmp_path).notes() == [
        "3 images that may be masks by their names: a_gtFine_labelIds.png, b_mask.png, c_mask.jpg."
    ]


def test_a_png_beside_a_photo_of_its_name_may_be_its_mask(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "b.jpg", "c.png", "d.jpg", "d.tif"):
        picture(tmp_path / name)
    assert read_folder(tmp_path).notes() == ["1 images that may be masks by their names: a.png."]


def test_layouts_of_several_pairs_name_their_folders(tmp_path: Path) -> None:
    for split in ("train", "val"):
        picture(tmp_path / split / "images/a.jpg")
        save(tmp_path / split / "masks/a.png", COLORS)
    assert read_folder(tmp_path).layouts == [
        f"images and masks: 1 images in {split}/images/, 1 of them with a mask in {split}/masks/"
        for split in ("train", "val")
    ]


def test_cvats_labels_are_read_from_its_file(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages/a.jpg")
    save(tmp_path / "SegmentationClass/a.png", np.array([[(1, 2, 3), (0, 0, 0)]], np.uint8))
    (tmp_path / "labelmap.txt").write_text("# label:color\nbackground:0,0,0::\ncar:1,2,3::\n")
    (sample,) = find_samples(tmp_path)
    assert read_truth(sample).tolist() == [[7, 0]]
