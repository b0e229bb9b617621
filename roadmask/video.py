"""A sequence as a video: each image beside its overlay."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from roadmask.errors import InvalidRequest, RoadmaskError, VideoUnavailable
from roadmask.mask_files import MAX_PIXELS
from roadmask.outcomes import FileResult
from roadmask.panels import Panels
from roadmask.pixels import decode, opencv

WIDEST = 960
"""Width of one half at most, pixels."""
CODECS = ("vp09", "mp4v")
"""VP9, which browsers play, else MPEG-4; wheels of OpenCV come without an encoder of H.264."""


def write_video(
    path: Path,
    panels: Panels,
    results: Sequence[FileResult],
    fps: float = 10.0,
    on_frame: Callable[[int], None] = lambda _: None,
) -> int:
    """Write an MP4 of the images that have a mask, in the order of their names; how many.

    `10.png` comes after `9.png`. The first image sets the size, others are fitted into it. An
    image that cannot be read is left out. `on_frame` is told how many are behind. Raises
    `VideoUnavailable` when this OpenCV cannot encode, `InvalidRequest` when there is no mask.
    """
    shown = sorted((result for result in results if result.mask), key=_natural)
    if not shown:
        raise InvalidRequest("There is no mask to make a video of.")
    width, height = _half(panels, shown)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part.mp4")
    frames = 0
    try:
        writer = _writer(part, fps, (2 * width, height))
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
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return frames


def _natural(result: FileResult) -> list[tuple[int, str]]:
    """Sorts numbers within names by their value."""
    pieces = re.findall(r"\d+|\D+", result.image)
    return [(int(piece), "") if piece.isdigit() else (0, piece) for piece in pieces]


def _half(panels: Panels, shown: Sequence[FileResult]) -> tuple[int, int]:
    """Width and height of one half, even numbers as encoders want them."""
    for result in shown:
        try:
            image = decode((panels.folder / result.image).read_bytes(), MAX_PIXELS)
        except (RoadmaskError, OSError):
            continue
        scale = min(1.0, WIDEST / image.shape[1])
        width, height = (max(2, round(side * scale / 2) * 2) for side in image.shape[1::-1])
        return width, height
    raise InvalidRequest("None of the images can be read any more.")


def _writer(path: Path, fps: float, size: tuple[int, int]) -> Any:
    cv2 = opencv(MAX_PIXELS)
    for codec in CODECS:
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, size)
        if writer.isOpened():
            return writer
        writer.release()
    raise VideoUnavailable(
        f"OpenCV here has no encoder for MP4 ({' or '.join(CODECS)}). Install the package "
        "`opencv-python-headless` from PyPI, which brings them, or leave --video out; "
        "--format overlay gives the pictures one by one."
    )
