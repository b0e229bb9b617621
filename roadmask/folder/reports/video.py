"""The video of a sequence: each image beside its overlay."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from roadmask.atomic import replacing
from roadmask.errors import InvalidRequest, RoadmaskError, VideoUnavailable
from roadmask.folder.mask_file import MAX_PIXELS
from roadmask.folder.reports.panels import Panels
from roadmask.folder.results import FileResult
from roadmask.images.decoders.opencv import opencv

MAX_WIDTH = 960
"""Largest width of one half of the video, pixels."""
CODECS = ("vp09", "mp4v")
"""VP9, which browsers play, or else MPEG-4. The wheels of OpenCV have no encoder for H.264."""


def write_video(
    path: Path,
    panels: Panels,
    results: Sequence[FileResult],
    fps: float = 10.0,
    on_frame: Callable[[int], None] = lambda _: None,
) -> int:
    """Write an MP4 of the images that have a mask, in the order of their names.

    `10.png` comes after `9.png`. The first image sets the size, and the others are scaled to fit.
    Unreadable images are left out. `on_frame` gets the number of processed images. Returns the
    number of frames. Raises `VideoUnavailable` if this OpenCV cannot encode, and `InvalidRequest`
    without any mask.
    """
    shown = sorted((result for result in results if result.mask), key=_natural)
    if not shown:
        raise InvalidRequest("There is no mask to make a video of.")
    width, height = _half(panels, shown)
    frames = 0
    # OpenCV chooses the container by the suffix.
    with replacing(path, suffix=".mp4") as draft:
        writer = _writer(draft, fps, (2 * width, height))
        try:
            for done, result in enumerate(shown, 1):
                try:
                    pixels = panels.read(result, width, height)
                except (RoadmaskError, OSError):
                    continue
                finally:
                    on_frame(done)
                writer.write(pixels[:, :, ::-1].copy())
                frames += 1
        finally:
            writer.release()
    return frames


def _natural(result: FileResult) -> list[tuple[int, str]]:
    """A sort key that compares numbers within names by their value."""
    pieces = re.findall(r"\d+|\D+", result.image)
    return [(int(piece), "") if piece.isdecimal() else (0, piece) for piece in pieces]


def _half(panels: Panels, shown: Sequence[FileResult]) -> tuple[int, int]:
    """Width and height of one half: even numbers, which encoders need."""
    for result in shown:
        try:
            image = panels.image(result)
        except (RoadmaskError, OSError):
            continue
        scale = min(1.0, MAX_WIDTH / image.shape[1])
        width, height = (max(2, round(side * scale / 2) * 2) for side in image.shape[1::-1])
        return width, height
    raise InvalidRequest("None of the images can be read.")


def _writer(path: Path, fps: float, size: tuple[int, int]) -> Any:
    cv2 = opencv(MAX_PIXELS)
    for codec in CODECS:
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, size)
        if writer.isOpened():
            return writer
        writer.release()
    raise VideoUnavailable(
        f"This OpenCV has no encoder for MP4 ({' or '.join(CODECS)}). Install the package "
        "`opencv-python-headless` from PyPI, which has them, or leave out --video: "
        "--format overlay writes the pictures one by one."
    )
