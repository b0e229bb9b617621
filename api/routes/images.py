"""Images: upload, list, view."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from api.bodies.form_files import add_form_files
from api.bodies.json_body import JsonRoute
from api.bodies.uploads import receive_file, temporary_folder
from api.dependencies import (
    CallerDep,
    CatalogueDep,
    ContentDep,
    ImageServiceDep,
    LinksDep,
    PreviewServiceDep,
    SettingsDep,
)
from api.errors import problems
from api.links import Links
from api.openapi import BINARY, PNG_BODY, answer, form_with_files, request_body
from api.services.images import check_hash
from roadmask.errors import (
    BodyCompressed,
    ConditionUnclear,
    DatasetNotSegmented,
    DatasetTaken,
    HashMismatch,
    ImageAnimated,
    ImageEmpty,
    ImageMissing,
    ImageNotFound,
    ImageTooLarge,
    ImageUnreadable,
    InvalidId,
    InvalidRequest,
    QuotaExceeded,
    TruthNotFound,
    UnsupportedFormat,
    UploadTooLarge,
)
from roadmask.schemas.ids import MAX_INDEX, SHA256, check_image_id
from roadmask.schemas.images import Hashes, HashQuery, Image, ImagePage, UploadResult
from roadmask.schemas.media_types import FORM_DATA, OCTET_STREAM
from roadmask.settings import Settings
from storage.jobs.item_list import ItemQuery
from storage.objects.keys import image_key, truth_key

router = APIRouter(prefix="/v1/images", tags=["images"], route_class=JsonRoute)

REDIRECT = answer(307, "Redirect to the signed URL.")
UPLOAD_ERRORS = (
    QuotaExceeded,
    UploadTooLarge,
    ImageTooLarge,
    UnsupportedFormat,
    BodyCompressed,
    ImageEmpty,
    ImageUnreadable,
    ImageAnimated,
)
"""Errors of an uploaded image."""
REDIRECT_MAX_AGE_S = 60
"""Seconds that a browser may cache a redirect."""


def checked_id(image_id: Annotated[str, Path(examples=["scenes/000001"])]) -> str:
    """The path's image id. Raises `InvalidId`."""
    return check_image_id(image_id)


ImageIdPath = Annotated[str, Depends(checked_id)]
Sha256 = Annotated[str, Path(pattern=SHA256, description="sha256 of the body, hex.")]


@router.post(
    "",
    status_code=201,
    summary="Upload images as a form",
    openapi_extra=request_body({FORM_DATA: form_with_files()}),
    responses=answer(207, "Some files were refused.", list[UploadResult])
    | problems(*UPLOAD_ERRORS),
)
async def upload_images(
    request: Request,
    response: Response,
    settings: SettingsDep,
    images: ImageServiceDep,
    links: LinksDep,
    caller: CallerDep,
) -> list[UploadResult]:
    """Each file becomes an image whose id is its sha256, or has an error of its own.

    When the form has one file and it is refused, the answer is that error.
    """

    limit = settings.max_upload_bytes
    files = await add_form_files(request, response, limit, partial(images.add_all, caller=caller))
    return [
        UploadResult(
            filename=file.filename,
            image=None if file.added is None else links.image(file.added),
            error=file.error,
        )
        for file in files
    ]


@router.post(
    "/missing",
    summary="Which of these images the service does not have",
    responses=problems(UploadTooLarge, BodyCompressed),
)
def missing_images(hashes: HashQuery, catalogue: CatalogueDep) -> Hashes:
    """Ask before uploading: an image that the service has need not be sent again."""
    return Hashes(sha256=catalogue.missing("images", hashes.sha256))


@router.put(
    "/sha256-{sha256}",
    summary="Upload one image by its hash",
    openapi_extra=request_body({OCTET_STREAM: BINARY}),
    responses=answer(201, "Stored.", Image) | problems(*UPLOAD_ERRORS, HashMismatch),
)
async def put_image(
    sha256: Sha256,
    request: Request,
    response: Response,
    settings: SettingsDep,
    images: ImageServiceDep,
    links: LinksDep,
    caller: CallerDep,
) -> Image:
    """The body is the file itself. Sending it again changes nothing and answers 200."""
    with temporary_folder() as folder:
        upload = await receive_file(request, folder, settings.max_upload_bytes)
        check_hash(upload, sha256)
        image, is_new = await run_in_threadpool(images.add, upload, caller)
    response.status_code = 201 if is_new else 200
    return links.image(image)


Words = Annotated[
    str | None,
    Query(
        description="Only ids, and names of uploaded files, that contain these words; `*` stands "
        "for any characters.",
        max_length=200,
    ),
]
Where = Annotated[
    str | None,
    Query(
        description="With `dataset`: only images that meet this condition, by the results of the "
        "dataset's latest job, as for the items of a job.",
        max_length=500,
    ),
]
Sort = Annotated[
    str | None,
    Query(description="With `dataset`: an order as for the items of a job.", max_length=40),
]


@router.get(
    "",
    summary="List images",
    responses=problems(
        ImageNotFound, InvalidId, InvalidRequest, ConditionUnclear, DatasetNotSegmented
    ),
)
def list_images(
    catalogue: CatalogueDep,
    content: ContentDep,
    caller: CallerDep,
    links: LinksDep,
    dataset: Annotated[str | None, Query(description="Only images of this dataset.")] = None,
    prefix: Annotated[
        str | None, Query(description="Only ids with this prefix.", max_length=512)
    ] = None,
    q: Words = None,
    truth: Annotated[
        bool | None, Query(description="Only images with, or without, a truth.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="`next` of the previous page.")] = None,
    offset: Annotated[
        int,
        Query(
            ge=0, le=MAX_INDEX, description="Number of images to skip; not with `q` or `cursor`."
        ),
    ] = 0,
    at: Annotated[
        str | None, Query(description="Id of the first image; not with `q` or `cursor`.")
    ] = None,
    where: Where = None,
    sort: Sort = None,
) -> ImagePage:
    """Images in order of id: page by page with `cursor`, or from a rank or id (`offset`, `at`).

    `where` and `sort` need a `dataset` that a job has segmented. Such a list is counted, and paged
    by `offset`.
    """
    if where or sort:
        if not dataset or cursor or at or prefix or truth is not None:
            raise InvalidRequest(
                "`where` and `sort` list the images of a dataset: name it as `dataset`, and leave "
                "out `prefix`, `truth`, `cursor` and `at`."
            )
        query = ItemQuery(where or "", q or "", (), sort or "name")
        page = content.page(dataset, query, limit, offset, caller)
        return page.model_copy(update={"images": [links.image(each) for each in page.images]})
    page = catalogue.page(
        prefix=prefix,
        dataset=dataset,
        query=q,
        with_truth=truth,
        cursor=cursor,
        limit=limit,
        offset=offset,
        at=at,
    )
    images = [links.image(image) for image in page.images]
    return page.model_copy(update={"images": images})


@router.get(
    "/{image_id:path}/content",
    status_code=307,
    response_class=RedirectResponse,
    summary="The image's bytes",
    responses=REDIRECT | problems(ImageNotFound, InvalidId),
)
def image_content(
    image_id: ImageIdPath, settings: SettingsDep, catalogue: CatalogueDep, links: LinksDep
) -> RedirectResponse:
    """Redirects to the signed URL."""
    return _redirect(settings, links, image_key(catalogue.get(image_id).sha256))


@router.get(
    "/{image_id:path}/truth",
    status_code=307,
    response_class=RedirectResponse,
    summary="The image's annotated mask",
    responses=REDIRECT | problems(ImageNotFound, TruthNotFound, InvalidId),
)
def image_truth(
    image_id: ImageIdPath, settings: SettingsDep, catalogue: CatalogueDep, links: LinksDep
) -> RedirectResponse:
    """Redirects to the signed URL of an indexed PNG."""
    image = catalogue.get(image_id)
    if image.truth_sha256 is None:
        raise TruthNotFound(f"{image_id} has no annotated mask. Register it with a truth_sha256.")
    return _redirect(settings, links, truth_key(image.truth_sha256))


@router.put(
    "/{image_id:path}/truth",
    summary="Correct the image's annotated mask",
    openapi_extra=request_body(PNG_BODY),
    responses=problems(*UPLOAD_ERRORS, ImageNotFound, InvalidId, InvalidRequest, DatasetTaken),
)
async def put_image_truth(
    image_id: ImageIdPath,
    request: Request,
    settings: SettingsDep,
    images: ImageServiceDep,
    catalogue: CatalogueDep,
    links: LinksDep,
    caller: CallerDep,
) -> Image:
    """The body is an indexed or grey 8-bit PNG of category indices, of the size of the image.

    The earlier mask is kept: `earlier_truths` has its hash. Jobs that were accepted before keep
    their scores.
    """
    await run_in_threadpool(catalogue.get, image_id)
    with temporary_folder() as folder:
        upload = await receive_file(request, folder, settings.max_upload_bytes)
        await run_in_threadpool(images.add_truth, upload, caller)
    return links.image(await run_in_threadpool(catalogue.set_truth, image_id, upload.sha256))


@router.get(
    "/{image_id:path}/thumbnail",
    status_code=307,
    response_class=RedirectResponse,
    summary="The image's thumbnail",
    responses=REDIRECT | problems(ImageNotFound, InvalidId, ImageUnreadable, ImageMissing),
)
async def image_thumbnail(
    image_id: ImageIdPath,
    settings: SettingsDep,
    catalogue: CatalogueDep,
    previews: PreviewServiceDep,
    links: LinksDep,
) -> RedirectResponse:
    """Redirects to the signed URL of a JPEG of at most 256x256 pixels.

    The thumbnail is made at the first request.
    """
    image = await run_in_threadpool(catalogue.get, image_id)
    key = await previews.ensure_thumbnail(image.sha256, image.pixels)
    return _redirect(settings, links, key)


@router.get("/{image_id:path}", summary="One image", responses=problems(ImageNotFound, InvalidId))
def get_image(image_id: ImageIdPath, catalogue: CatalogueDep, links: LinksDep) -> Image:
    """The image's facts, with signed URLs."""
    return links.image(catalogue.get(image_id))


def _redirect(settings: Settings, links: Links, key: str) -> RedirectResponse:
    max_age = min(REDIRECT_MAX_AGE_S, settings.url_ttl_s // 2)
    headers = {"Cache-Control": f"private, max-age={max_age}"}
    return RedirectResponse(links.redirect(key), headers=headers)
