"""Objects of the local store, behind the links that it signed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from api.backends import Wired
from api.errors import problems
from api.openapi import binary_answer
from roadmask.errors import (
    InvalidId,
    InvalidRequest,
    LinkExpired,
    ObjectNotFound,
    RoadmaskError,
    StoreUnavailable,
)
from storage.local_store import LocalStore
from storage.objects import BLOCK, attachment

router = APIRouter(prefix="/v1/objects", tags=["service"])

OPEN = (InvalidRequest, StoreUnavailable, RoadmaskError)


@router.get(
    "/{key:path}",
    response_class=StreamingResponse,
    summary="An object of the local store",
    responses=binary_answer("application/octet-stream", description="The object.")
    | problems(LinkExpired, ObjectNotFound, InvalidId, everywhere=OPEN),
)
def get_object(
    key: str,
    expires: int,
    signature: Annotated[str, Query(max_length=128)],
    backends: Wired,
    filename: Annotated[str | None, Query(max_length=300)] = None,
) -> Response:
    """Needs no key: the signature is one. Such links are in the service's other answers."""
    store = backends.store
    if not isinstance(store, LocalStore):
        raise ObjectNotFound("Objects are kept elsewhere: follow the URLs in the answers.")
    store.verify(key, expires, filename, signature)
    info = store.info(key)
    headers = {
        "Content-Length": str(info.size),
        "Cache-Control": f"private, max-age={backends.settings.url_ttl_s}, immutable",
    }
    if filename:
        headers["Content-Disposition"] = attachment(filename)
    if info.size <= BLOCK:
        # A mask, most often: a stream would hop between threads for its one block and its end.
        return Response(store.get(key), media_type=info.content_type, headers=headers)
    return StreamingResponse(store.stream(key), media_type=info.content_type, headers=headers)
