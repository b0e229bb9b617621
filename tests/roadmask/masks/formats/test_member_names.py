"""Names in an archive: the user's, unique, and safe to extract."""

from __future__ import annotations

import pytest

from roadmask.masks.formats.member_names import MemberNames, member_by_id, safe_path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("drive04/cam1/frame_00727.jpg", "drive04/cam1/frame_00727.jpg"),
        ("日本/東京.jpg", "日本/東京.jpg"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/./x", "etc/x"),
        ("..\\..\\x.png", ".._.._x.png"),
        ("a\nb\x1b.jpg", "a_b_.jpg"),
        ("2026-11-29T08:30.jpg", "2026-11-29T08:30.jpg"),
        ("../..", ""),
    ],
)
def test_a_name_leads_out_of_no_folder(name: str, path: str) -> None:
    assert safe_path(name) == path


def test_masks_are_called_as_in_a_folder_run() -> None:
    names = ["front/1.jpg", "rear/1.jpg", "x.jpg", "x.tif", "front-1", "v1.5"]
    members = MemberNames(names, ".png")
    assert [members.of(name, f"id{n}", n) for n, name in enumerate(names)] == [
        "masks/front/1.png",
        "masks/rear/1.png",
        "masks/x.jpg.png",
        "masks/x.tif.png",
        "masks/front-1.png",
        "masks/v1.5.png",
    ]


def test_two_images_never_share_a_member_and_one_image_does() -> None:
    items = [("same.jpg", "a"), ("same.jpg", "b"), ("same.jpg", "a"), ("..", "c"), ("", "d")]
    members = MemberNames([name for name, _ in items], ".json")
    expected = [
        "masks/same.json",
        "masks/same (1).json",
        "masks/same.json",
        "masks/c.json",
        "masks/d.json",
    ]
    for _ in range(2):  # the list of results repeats the calls
        assert [members.of(*item, index) for index, item in enumerate(items)] == expected


@pytest.mark.parametrize(
    "names", [["a.jpg", "a.jpg", "a (1).jpg"], ["a (2).jpg", "a.jpg", "a.jpg"]]
)
def test_a_name_that_looks_like_that_of_a_second_image_is_not_shared(names: list[str]) -> None:
    members = MemberNames(names, ".png")
    first, again = ([members.of(n, f"id{i}", i) for i, n in enumerate(names)] for _ in range(2))
    assert first == again
    assert len(set(first)) == 3


def test_ids_are_members_too() -> None:
    assert member_by_id("camvid/val/0016E5", ".png") == "masks/camvid/val/0016E5.png"


def test_names_that_are_one_file_on_macos_or_windows_stay_apart() -> None:
    names = ["SS.jpg", "ss.jpg", "ä.jpg", "a\u0308.jpg", "b.JPG", "B.png"]
    members = MemberNames(names, ".png")
    assert [members.of(name, f"id{n}", n) for n, name in enumerate(names)] == [
        "masks/SS.png",
        "masks/ss (1).png",
        "masks/ä.png",
        "masks/a\u0308 (3).png",
        "masks/b.JPG.png",
        "masks/B.png.png",
    ]
