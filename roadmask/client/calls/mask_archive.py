"""The archive in which the service sends several masks at once."""

from __future__ import annotations

from io import BytesIO
from zipfile import BadZipFile, ZipFile

import httpx
from pydantic_core import from_json

from roadmask.client.answers import incompatible, read_part
from roadmask.masks.formats.member_names import member_by_id
from roadmask.schemas.jobs import Item


def unpack_masks(answer: httpx.Response) -> list[tuple[Item, bytes | None]]:
    """The items of an archive by ids, each with its mask as PNG, or None without one.

    Raises `IncompatibleService` for another file.
    """
    try:
        with ZipFile(BytesIO(answer.content)) as file:
            lines = map(from_json, file.read("results.jsonl").splitlines())
            items = [read_part(Item, line, answer) for line in lines]
            present = set(file.namelist())
            names = ((item, member_by_id(item.image_id, ".png")) for item in items)
            return [(item, file.read(name) if name in present else None) for item, name in names]
    except (BadZipFile, KeyError, ValueError) as error:
        raise incompatible(answer, f"is no archive of masks ({error})") from error
