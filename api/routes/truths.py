"""Truths: annotated masks, uploaded under their hash as images are."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.bodies.form_files import add_form_files, each_alone
from api.bodies.json_body import JsonRoute
from api.bodies.uploads import Upload, receive_file, temporary_folder
from api.dependencies import CallerDep, CatalogueDep, ImageServiceDep, SettingsDep
from api.errors import problems
from api.openapi import PNG_BODY, answer, form_with_files, request_body
from api.routes.images import UPLOAD_ERRORS, Sha256
from api.services.images import ImageService, check_hash
from roadmask.errors import BodyCompressed, HashMismatch, UploadTooLarge
from roadmask.images.labels.label_sets import LABEL_SETS
from roadmask.schemas.images import Hashes, HashQuery
from roadmask.schemas.media_types import FORM_DATA
from roadmask.schemas.wire import Wire
from storage.access.caller import Caller

router = APIRouter(prefix="/v1/truths", tags=["truths"], route_class=JsonRoute)


class StoredTruth(Wire):
    """An annotated mask that the service holds."""

    sha256: str
    bytes: int


class TruthResult(Wire):
    """The result of one uploaded mask: `truth`, or `error`."""

    filename: str | None = None
    truth: StoredTruth | None = None
    error: dict[str, object] | None = None


Labels = Annotated[
    str | None,
    Query(
        description="Label set of the masks; without it they have category indices.",
        json_schema_extra={"enum": list(LABEL_SETS)},
    ),
]
Unknown = Annotated[
    Literal["refuse", "void"],
    Query(description="What to do with labels that the label set does not have."),
]


@router.post(
    "",
    status_code=201,
    summary="Upload annotated masks as a form",
    openapi_extra=request_body({FORM_DATA: form_with_files()}),
    responses=answer(207, "Some files were refused.", list[TruthResult]) | problems(*UPLOAD_ERRORS),
)
async def upload_truths(
    request: Request,
    response: Response,
    settings: SettingsDep,
    images: ImageServiceDep,
    caller: CallerDep,
    labels: Labels = None,
    unknown: Unknown = "refuse",
) -> list[TruthResult]:
    """Each mask is stored, and the answer has its hash (`truth_sha256` of an entry of a dataset).

    When the form has one file and it is refused, the answer is that error.
    """

    def add(upload: Upload) -> StoredTruth:
        truth, _ = _store(images, labels, unknown == "void", caller, upload)
        return truth

    limit = settings.max_upload_bytes
    files = await add_form_files(request, response, limit, partial(each_alone, add))
    return [
        TruthResult(filename=file.filename, truth=file.added, error=file.error) for file in files
    ]


@router.post(
    "/missing",
    summary="Which of these annotated masks the service does not have",
    responses=problems(UploadTooLarge, BodyCompressed),
)
def missing_truths(hashes: HashQuery, catalogue: CatalogueDep) -> Hashes:
    """Ask before uploading: a mask that the service has need not be sent again."""
    return Hashes(sha256=catalogue.missing("truths", hashes.sha256))


@router.put(
    "/sha256-{sha256}",
    summary="Upload one annotated mask by its hash",
    openapi_extra=request_body(PNG_BODY),
    responses=answer(201, "Stored.", StoredTruth) | problems(*UPLOAD_ERRORS, HashMismatch),
)
async def put_truth(
    sha256: Sha256,
    request: Request,
    response: Response,
    settings: SettingsDep,
    images: ImageServiceDep,
    caller: CallerDep,
    labels: Labels = None,
    unknown: Unknown = "refuse",
) -> StoredTruth:
    """The body is an indexed or grey 8-bit PNG of category indices.

    With `labels` it is a mask of a public label set, in ids or colours. Its categories are stored,
    and the answer has their hash, by which an entry of a dataset names them (`truth_sha256`).
    Sending it again changes nothing and answers 200.
    """
    with temporary_folder() as folder:
        upload = await receive_file(request, folder, settings.max_upload_bytes)
        check_hash(upload, sha256)
        truth, is_new = await run_in_threadpool(
            _store, images, labels, unknown == "void", caller, upload
        )
    response.status_code = 201 if is_new else 200
    return truth


def _store(
    images: ImageService, labels: str | None, void_unknown: bool, caller: Caller, upload: Upload
) -> tuple[StoredTruth, bool]:
    """Store a mask; return what is stored, and whether it is new."""
    if labels is None:
        is_new = images.add_truth(upload, caller)
    else:
        upload, is_new = images.add_labelled_truth(upload, labels, void_unknown, caller)
    return StoredTruth(sha256=upload.sha256, bytes=upload.size), is_new
