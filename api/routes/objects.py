"""Objects of the local store, served under signed URLs."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from api.dependencies import SettingsDep, StoreDep
from api.errors import problems
from api.openapi import PARTS, binary_answer
from roadmask.errors import (
    InvalidId,
    InvalidRequest,
    LinkExpired,
    MaskDamaged,
    ObjectNotFound,
    RoadmaskError,
    StoreUnavailable,
)
from roadmask.hashing import sha256_of
from roadmask.schemas.ids import MAX_INDEX
from roadmask.schemas.media_types import OCTET_STREAM
from storage.masks.facts import check_mask
from storage.objects.local import LocalStore
from storage.objects.store import BLOCK

router = APIRouter(prefix="/v1/objects", tags=["service"])

MASK = re.compile(r"masks/\w+/\w+\.png")

PUBLIC_PROBLEMS = (InvalidRequest, StoreUnavailable, RoadmaskError)


@router.get(
    "/{key:path}",
    response_class=StreamingResponse,
    summary="An object of the local store",
    responses=binary_answer(OCTET_STREAM, description="The object.")
    | PARTS
    | problems(LinkExpired, ObjectNotFound, MaskDamaged, InvalidId, common=PUBLIC_PROBLEMS),
)
def get_object(
    key: str,
    expires: Annotated[int, Query(ge=0, le=MAX_INDEX)],
    signature: Annotated[str, Query(max_length=128)],
    settings: SettingsDep,
    store: StoreDep,
) -> Response:
    """Needs no key, because the URL is signed. Other answers of the service have such URLs.

    The `ETag` of a mask is its `mask_sha256`. A damaged mask is not sent.
    """
    if not isinstance(store, LocalStore):
        raise ObjectNotFound(
            "This service keeps its objects in another store: follow the URLs in its answers."
        )
    store.verify(key, expires, signature)
    info = store.info(key)
    headers = {"Cache-Control": f"private, max-age={settings.url_ttl_s}, immutable"}
    is_mask = MASK.fullmatch(key) is not None
    if is_mask or info.size <= BLOCK:
        # A small object is sent whole: a stream of one block would switch threads twice.
        data = store.get(key)
        if is_mask:
            check_mask(store, key, data)
        headers["ETag"] = f'"{sha256_of(data)}"'
        return Response(data, media_type=info.content_type, headers=headers)
    headers["Content-Length"] = str(info.size)
    return StreamingResponse(store.stream(key), media_type=info.content_type, headers=headers)
