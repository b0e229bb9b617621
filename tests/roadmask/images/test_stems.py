"""Names of image files that stay different where their folders are left out."""

from __future__ import annotations

from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest

from roadmask.images.stems import below_common_folder


@pytest.mark.parametrize(
    ("system", "paths", "names"),
    [
        (PurePosixPath, ["/p/a/x.jpg", "/p/b/c/x.jpg"], ["a/x.jpg", "b/c/x.jpg"]),
        (PurePosixPath, ["/p/x.jpg"], ["x.jpg"]),
        (PurePosixPath, ["/x.jpg", "/a/x.jpg"], ["x.jpg", "a/x.jpg"]),
        (PureWindowsPath, [r"C:\p\a\x.jpg", r"c:\P\b\x.jpg"], ["a/x.jpg", "b/x.jpg"]),
        (PureWindowsPath, [r"C:\p\x.jpg", r"D:\p\x.jpg"], ["C/p/x.jpg", "D/p/x.jpg"]),
        (PureWindowsPath, [r"C:\x.jpg", r"\\nas\share\x.jpg"], ["C/x.jpg", "nas/share/x.jpg"]),
        (PurePosixPath, [], []),
    ],
)
def test_paths_below_the_folder_that_all_are_in(
    system: type[PurePath], paths: list[str], names: list[str]
) -> None:
    assert below_common_folder([system(path) for path in paths]) == names
