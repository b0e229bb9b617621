"""`POST /v1/segment`: an image is sent, and the answer is its mask."""

from __future__ import annotations

import json
import uuid
from typing import NamedTuple

import httpx

from roadmask.client.answers import incompatible, read_answer, read_part
from roadmask.client.sources import UploadFile, client_name
from roadmask.client.transport import Call, Transport
from roadmask.errors import NotFound
from roadmask.schemas.jobs import Item, Job
from roadmask.schemas.mask_parameters import MaskParameters
from roadmask.schemas.media_types import OCTET_STREAM
from roadmask.schemas.wire import ITEM_HEADER

PATH = "/v1/segment"
ACCEPTED = 202
"""Status of the answer when the mask is not made in time."""


class Segmented(NamedTuple):
    """An item and its mask, an indexed PNG."""

    item: Item
    png: bytes


class SegmentRoute:
    """The route, which services of earlier revisions do not have."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._is_missing = False

    async def send(
        self, file: UploadFile, model: str, parameters: MaskParameters, wait: float
    ) -> Segmented | Job | None:
        """The mask of a file, or its job if that takes more than `wait` seconds.

        None if the service does not have the route. Raises the error of the image.
        """
        if self._is_missing:
            return None
        call = _call(file, model, parameters, wait, self._transport.timeout + wait)
        try:
            return _read(await self._transport.send(call))
        except NotFound as error:
            if error.code != NotFound.code:
                raise
            self._is_missing = True
            return None


def _call(
    file: UploadFile, model: str, parameters: MaskParameters, wait: float, timeout: float
) -> Call:
    # An older service refuses members that it does not know, but it has their defaults.
    params: dict[str, str | int] = {"wait": int(wait), **parameters.flat()}
    if model != "default":
        params["model"] = model
    if name := client_name(file.name):
        params["name"] = name
    headers = {
        "Content-Type": OCTET_STREAM,
        "Accept": "image/png",
        "Idempotency-Key": uuid.uuid4().hex,
    }
    return Call("POST", PATH, params, headers, None, file.body, timeout)


def _read(answer: httpx.Response) -> Segmented | Job:
    if answer.status_code == ACCEPTED:
        return read_answer(Job, answer)
    try:
        facts = json.loads(answer.headers[ITEM_HEADER])
    except (KeyError, ValueError):
        raise incompatible(answer, f"has no item in its header {ITEM_HEADER}") from None
    return Segmented(read_part(Item, facts, answer), answer.content)
