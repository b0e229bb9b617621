"""The failure report: one page with the images that failed, the causes and the retry command."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from roadmask.atomic import write_atomically
from roadmask.errors import RoadmaskError
from roadmask.folder.reports.thumbnails import SECONDS
from roadmask.folder.results import FileResult
from roadmask.limited_process import LimitedProcess
from roadmask.shown import shown

PAGE = "failures/index.html"
"""Path of the page, relative to the output folder."""
MAX_THUMBNAILS = 300
"""Most thumbnails on a page. Each adds a few kilobytes."""
THUMBNAIL = (192, 144)
"""Width and height of the box of a thumbnail, pixels."""

UNSAFE = frozenset({"worker_crashed", "image_too_large", "deadline_exceeded"})
"""Error codes of images that get no thumbnail, because decoding them may take long."""

STYLE = """
:root { color-scheme: light dark; --faint: #63636d; --line: #8884; --box: #8881 }
@media (prefers-color-scheme: dark) { :root { --faint: #a2a2ac } }
html { background: Canvas; color: CanvasText }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
h1 { font-size: 1.6rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin: 2rem 0 0 }
p { margin: .3rem 0 .8rem } small, .faint { color: var(--faint) }
pre { background: var(--box); border: 1px solid var(--line); border-radius: 8px;
  padding: .8rem 1rem; white-space: pre-wrap; user-select: all }
ul { list-style: none; padding: 0; margin: 0 } img { border-radius: 6px; display: block }
li { display: flex; gap: 1rem; align-items: center; padding: .7rem 0;
  border-bottom: 1px solid var(--line) }
.picture { flex: none; width: 192px; display: grid; place-items: center } li div { min-width: 0 }
.none { height: 5rem; background: var(--box); border-radius: 6px; color: var(--faint) }
body { overflow-wrap: anywhere }
@media (max-width: 30rem) { .picture { width: 96px } img { max-width: 100% } }
"""


def write_failure_report(
    folder: Path, out: Path, failures: Sequence[FileResult], retry: str
) -> None:
    """Write `out/failures/index.html` about the failures of images below `folder`.

    `retry` is the command that runs only the failed images again. The page is self-contained, so it
    can be sent by mail. Without failures an older page is deleted.
    """
    page = out / PAGE
    if failures:
        process = LimitedProcess("roadmask.folder.reports.thumbnails", SECONDS)
        texts = _page(process, folder, failures, retry)
        try:
            write_atomically(page, (text.encode() for text in texts))
        finally:
            process.close()
        return
    page.unlink(missing_ok=True)
    # The folder may also hold masks of an image folder with the same name.
    if page.parent.is_dir() and not any(page.parent.iterdir()):
        page.parent.rmdir()


def _page(
    process: LimitedProcess, folder: Path, failures: Sequence[FileResult], retry: str
) -> Iterable[str]:
    images = "1 image" if len(failures) == 1 else f"{len(failures):,} images"
    yield (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{images} failed</title><style>{STYLE}</style><main>"
        f"<h1>{images} failed</h1><p class=faint>in {_shown(str(folder))}</p>"
        f"<p>Repair or replace the images, then run only these again:</p>"
        f"<pre>{_shown(retry)}</pre>"
    )
    thumbnails = 0
    for title, group in groupby(sorted(failures, key=_cause), key=_cause):
        same_cause = list(group)
        yield f"<h2>{escape(title)} <small>{len(same_cause):,}</small></h2><ul>"
        for failure in same_cause:
            has_one = thumbnails < MAX_THUMBNAILS and _is_safe(failure)
            thumbnail = _thumbnail(process, folder / failure.image) if has_one else None
            thumbnails += thumbnail is not None
            yield _entry(folder, failure, thumbnail)
        yield "</ul>"
    yield "</main></html>\n"


def _cause(failure: FileResult) -> str:
    return failure.error.title if failure.error else ""


def _is_safe(failure: FileResult) -> bool:
    return failure.error is not None and failure.error.code not in UNSAFE


def _entry(folder: Path, failure: FileResult, thumbnail: bytes | None) -> str:
    assert failure.error is not None
    picture = '<div class="picture none">no picture</div>'
    if thumbnail is not None:
        data = base64.b64encode(thumbnail).decode()
        picture = f'<div class=picture><img alt="" src="data:image/jpeg;base64,{data}"></div>'
    again = " Running it again may help." if failure.error.retryable else ""
    return (
        f"<li>{picture}<div><b>{_shown(failure.image)}</b><br>{_shown(failure.error.detail)}{again}"
        f"<br><small>{_size(folder / failure.image)} · {escape(failure.error.code)}</small></div>"
    )


def _thumbnail(process: LimitedProcess, path: Path) -> bytes | None:
    """A thumbnail as JPEG, or None if the file cannot be decoded."""
    width, height = THUMBNAIL
    try:
        return process.call("thumbnail", [path.read_bytes()], width=width, height=height)
    except (RoadmaskError, OSError):
        return None


def _size(path: Path) -> str:
    try:
        size = path.stat().st_size
    except OSError:
        return "the file is gone"
    return f"{size:,} bytes" if size < 10_000 else f"{size / 1000:,.0f} kB"


def _shown(text: str) -> str:
    """The text, escaped for HTML and without control characters."""
    return escape(shown(text))
