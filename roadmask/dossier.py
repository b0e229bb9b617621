"""The failure dossier: one page that tells which images failed, why, and how to go on."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from roadmask.errors import RoadmaskError
from roadmask.mask_files import MAX_PIXELS, write_whole
from roadmask.outcomes import FileResult
from roadmask.panels import fitted
from roadmask.pixels import decode, encode_jpeg

PAGE = "failures/index.html"
"""Where it is below the output folder."""
MOST_PICTURES = 300
"""Thumbnails on a page; each adds a few kilobytes to it."""
PICTURE = (192, 144)

UNSAFE = frozenset({"worker_crashed", "image_too_large", "deadline_exceeded"})
"""Causes that forbid to open the image here as well."""

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


def write_dossier(folder: Path, out: Path, failures: Sequence[FileResult], retry: str) -> None:
    """Write `out/failures/index.html` about the failures of images below `folder`.

    `retry` is the command that tries just these again. The page needs no other file, so that it
    can be sent to somebody. Without failures an older page goes away.
    """
    page = out / PAGE
    if failures:
        write_whole(page, (text.encode() for text in _page(folder, failures, retry)))
        return
    page.unlink(missing_ok=True)
    # Masks of a folder of this name may be beside it.
    if page.parent.is_dir() and not any(page.parent.iterdir()):
        page.parent.rmdir()


def _page(folder: Path, failures: Sequence[FileResult], retry: str) -> Iterable[str]:
    images = "1 image" if len(failures) == 1 else f"{len(failures):,} images"
    yield (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{images} failed</title><style>{STYLE}</style><main>"
        f"<h1>{images} failed</h1><p class=faint>in {_shown(str(folder))}</p>"
        f"<p>Mend or replace them, then try just these again:</p><pre>{_shown(retry)}</pre>"
    )
    pictures = 0
    for title, group in groupby(sorted(failures, key=_cause), key=_cause):
        alike = list(group)
        yield f"<h2>{escape(title)} <small>{len(alike):,}</small></h2><ul>"
        for failure in alike:
            wanted = pictures < MOST_PICTURES and _is_safe(failure)
            picture = _picture(folder / failure.image) if wanted else None
            pictures += picture is not None
            yield _entry(folder, failure, picture)
        yield "</ul>"
    yield "</main></html>\n"


def _cause(failure: FileResult) -> str:
    return failure.error.title if failure.error else ""


def _is_safe(failure: FileResult) -> bool:
    return failure.error is not None and failure.error.code not in UNSAFE


def _entry(folder: Path, failure: FileResult, picture: bytes | None) -> str:
    assert failure.error is not None
    shown = '<div class="picture none">no picture</div>'
    if picture is not None:
        data = base64.b64encode(picture).decode()
        shown = f'<div class=picture><img alt="" src="data:image/jpeg;base64,{data}"></div>'
    again = " Trying again may help." if failure.error.retryable else ""
    return (
        f"<li>{shown}<div><b>{_shown(failure.image)}</b><br>{_shown(failure.error.detail)}{again}"
        f"<br><small>{_size(folder / failure.image)} · {escape(failure.error.code)}</small></div>"
    )


def _picture(path: Path) -> bytes | None:
    """A thumbnail as JPEG, where the file can be decoded at all."""
    try:
        return encode_jpeg(fitted(decode(path.read_bytes(), MAX_PIXELS), *PICTURE), 80)
    except (RoadmaskError, OSError):
        return None


def _size(path: Path) -> str:
    try:
        size = path.stat().st_size
    except OSError:
        return "the file is gone"
    return f"{size:,} bytes" if size < 10_000 else f"{size / 1000:,.0f} kB"


def _shown(text: str) -> str:
    """Text for the page; names of files may hold bytes that are no characters."""
    return escape(text.encode(errors="replace").decode())
