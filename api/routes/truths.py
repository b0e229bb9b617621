"""Truths: annotated masks, uploaded by their hash like images."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool

from api.auth import require_key
from api.backends import Wired
from api.bodies import json_body
from api.errors import problems
from api.intake import check_hash, keep_truth
from api.openapi import answer, binary_request, json_request, ref
from api.routes.images import BAD_FILES, Sha256
from api.uploads import receive_file, scratch
from roadmask.errors import HashMismatch, UnsupportedFormat, UploadTooLarge
from roadmask.images import Hashes
from roadmask.wire import Wire

router = APIRouter(prefix="/v1/truths", tags=["truths"], dependencies=[Depends(require_key)])


class StoredTruth(Wire):
    """An annotated mask that the service holds."""

    sha256: str
    bytes: int


@router.post(
    "/missing",
    summary="Which of these annotated masks the service does not have",
    openapi_extra=json_request(ref(Hashes)),
    responses=problems(UploadTooLarge, UnsupportedFormat),
)
def missing_truths(
    hashes: Annotated[Hashes, Depends(json_body(TypeAdapter(Hashes)))], backends: Wired
) -> Hashes:
    """Ask before uploading: what is there need not travel again."""
    return Hashes(sha256=backends.catalogue.missing("truths", hashes.sha256))


@router.put(
    "/sha256-{sha256}",
    summary="Upload one annotated mask by its hash",
    openapi_extra=binary_request("image/png"),
    responses=answer(201, "Stored.", StoredTruth) | problems(*BAD_FILES, HashMismatch),
)
async def put_truth(
    sha256: Sha256, request: Request, backends: Wired, response: Response
) -> StoredTruth:
    """The body is an indexed or grey 8-bit PNG of category indices. Repeating it answers 200."""
    with scratch() as folder:
        upload = await receive_file(request, folder, backends.settings.max_upload_bytes)
        check_hash(upload, sha256)
        is_new = await run_in_threadpool(keep_truth, backends, upload)
    response.status_code = 201 if is_new else 200
    return StoredTruth(sha256=upload.sha256, bytes=upload.size)
