"""Atomic writing: under its name a file or folder is either the new version or the old one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

BUFFER = 1 << 16
"""Bytes that are written at once."""


@contextmanager
def replacing(
    path: Path, *, fsync: bool = False, drafts: Path | None = None, suffix: str | None = None
) -> Iterator[Path]:
    """The path of a draft, at which the block writes a file or a folder. It then replaces `path`.

    If the block raises, the draft is deleted and `path` stays as it was. If two processes write the
    same folder, one of them wins. A process that is killed between the renames of the old folder
    and of the new one leaves both complete, under other names. With `fsync` a file is on disk
    before it gets its name; without it, a power cut can leave an empty file under the name. The
    draft lies beside `path`, or in `drafts` on the same file system. It has the suffix of `path`,
    or `suffix`.
    """
    folder = drafts or path.parent
    # `isdir` is quicker than `mkdir` for a folder that exists, and there may be a million masks.
    for needed in (path.parent, folder):
        if not os.path.isdir(needed):
            needed.mkdir(parents=True, exist_ok=True)
    ending = path.suffix if suffix is None else suffix
    # The draft's name does not contain that of `path`, which may be as long as a name can be.
    draft = folder / f".{uuid4().hex}.part{ending}"
    try:
        yield draft
        if os.path.isdir(draft):
            _replace_folder(path, draft)
        else:
            if fsync:
                with draft.open("rb+") as file:
                    os.fsync(file.fileno())
            os.replace(draft, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename in (None, str(draft), draft):
            # Users know `path`, not the draft, and the error of a full disk names no file.
            error.filename = str(path)
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)
        raise


def _replace_folder(path: Path, draft: Path) -> None:
    # The old folder is renamed first: while it is deleted, a part of it would be under the name.
    old = draft.with_suffix(".old")
    with suppress(OSError):
        path.rename(old)
    # Another process may have put its folder there in between.
    with suppress(OSError):
        draft.rename(path)
    for left in (old, draft):
        shutil.rmtree(left, ignore_errors=True)


def write_atomically(path: Path, blocks: Iterable[bytes]) -> None:
    """Write a file from blocks of bytes, completely or not at all."""
    with replacing(path) as draft, open(draft, "wb", BUFFER) as file:
        file.writelines(blocks)


def write_privately(path: Path, text: str) -> None:
    """Write a file that only its owner may read, completely or not at all, and flush it to disk."""
    with replacing(path, fsync=True) as draft:
        draft.touch(mode=0o600)
        draft.write_text(text, encoding="utf-8")
