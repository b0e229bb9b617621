"""Images: upload, list, look at."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool

from api.auth import require_key
from api.backends import Backends, Wired
from api.bodies import json_body
from api.errors import problems
from api.forms import receive_form
from api.intake import check_hash, keep_image
from api.openapi import answer, binary_request, form_request, json_request, ref
from api.previews import ensure_thumbnail
from api.uploads import Upload, receive_file, scratch
from roadmask.errors import (
    HashMismatch,
    ImageAnimated,
    ImageEmpty,
    ImageMissing,
    ImageNotFound,
    ImageTooLarge,
    ImageUnreadable,
    InvalidId,
    InvalidRequest,
    RoadmaskError,
    TruthNotFound,
    UnsupportedFormat,
    UploadTooLarge,
)
from roadmask.images import Hashes, Image, ImagePage, UploadResult, check_image_id
from storage.objects import image_key, thumbnail_key, truth_key

router = APIRouter(prefix="/v1/images", tags=["images"], dependencies=[Depends(require_key)])

REDIRECT = answer(307, "Redirect to the signed URL.")
BAD_FILES = (
    UploadTooLarge,
    ImageTooLarge,
    UnsupportedFormat,
    ImageEmpty,
    ImageUnreadable,
    ImageAnimated,
)
"""Ways in which an uploaded image can be refused."""
CACHED_S = 60
"""How long a browser may keep a redirect, seconds."""


def checked_id(image_id: Annotated[str, Path(examples=["scenes/000001"])]) -> str:
    """The path's image id. Raises `InvalidId`."""
    return check_image_id(image_id)


ImageIdPath = Annotated[str, Depends(checked_id)]
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="Of the body, hex.")]


@router.post(
    "",
    status_code=201,
    summary="Upload images as a form",
    openapi_extra=form_request(),
    responses=answer(207, "Some files were refused.", list[UploadResult]) | problems(*BAD_FILES),
)
async def upload_images(
    request: Request, backends: Wired, response: Response
) -> list[UploadResult]:
    """Each file becomes an image under its sha256, or an error of its own beside the others.

    A single file that is refused answers with its error's status.
    """
    with scratch() as folder:
        form = await receive_form(request, folder, backends.settings.max_upload_bytes)
        results = [await run_in_threadpool(_take_one, backends, file) for file in form.files]
    failed = [result for result in results if isinstance(result, RoadmaskError)]
    if failed and len(results) == 1:
        raise failed[0]
    if failed:
        response.status_code = 207
    return [
        UploadResult(filename=file.filename, error=result.problem())
        if isinstance(result, RoadmaskError)
        else UploadResult(filename=file.filename, image=result)
        for file, result in zip(form.files, results, strict=True)
    ]


@router.post(
    "/missing",
    summary="Which of these images the service does not have",
    openapi_extra=json_request(ref(Hashes)),
    responses=problems(UploadTooLarge, UnsupportedFormat),
)
def missing_images(
    hashes: Annotated[Hashes, Depends(json_body(TypeAdapter(Hashes)))], backends: Wired
) -> Hashes:
    """Ask before uploading: what is there need not travel again."""
    return Hashes(sha256=backends.catalogue.missing("images", hashes.sha256))


@router.put(
    "/sha256-{sha256}",
    summary="Upload one image by its hash",
    openapi_extra=binary_request("application/octet-stream"),
    responses=answer(201, "Stored.", Image) | problems(*BAD_FILES, HashMismatch),
)
async def put_image(sha256: Sha256, request: Request, backends: Wired, response: Response) -> Image:
    """The body is the file as it is. Sending it again is harmless and answers 200."""
    with scratch() as folder:
        upload = await receive_file(request, folder, backends.settings.max_upload_bytes)
        check_hash(upload, sha256)
        image, is_new = await run_in_threadpool(keep_image, backends, upload)
    response.status_code = 201 if is_new else 200
    return backends.links.image(image)


@router.get("", summary="List images", responses=problems(ImageNotFound, InvalidId, InvalidRequest))
def list_images(
    backends: Wired,
    dataset: Annotated[str | None, Query(description="Only of this dataset.")] = None,
    prefix: Annotated[str | None, Query(description="Ids that begin so.", max_length=512)] = None,
    q: Annotated[str | None, Query(description="Ids that contain this.", max_length=200)] = None,
    truth: Annotated[bool | None, Query(description="With, or without, a truth.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    offset: Annotated[
        int, Query(ge=0, description="Begin behind so many images; not with `q` or `cursor`.")
    ] = 0,
    at: Annotated[
        str | None, Query(description="Begin with this image; not with `q` or `cursor`.")
    ] = None,
) -> ImagePage:
    """Images in id order, page after page by `cursor`, or from anywhere by `offset` or `at`."""
    page = backends.catalogue.page(
        prefix=prefix,
        dataset=dataset,
        query=q,
        with_truth=truth,
        cursor=cursor,
        limit=limit,
        offset=offset,
        at=at,
    )
    images = [backends.links.image(image) for image in page.images]
    return page.model_copy(update={"images": images})


@router.get(
    "/{image_id:path}/content",
    status_code=307,
    response_class=RedirectResponse,
    summary="The image's bytes",
    responses=REDIRECT | problems(ImageNotFound, InvalidId),
)
def image_content(image_id: ImageIdPath, backends: Wired) -> RedirectResponse:
    """Redirects to the signed URL."""
    return _redirect(backends, image_key(backends.catalogue.get(image_id).sha256))


@router.get(
    "/{image_id:path}/truth",
    status_code=307,
    response_class=RedirectResponse,
    summary="The image's annotated mask",
    responses=REDIRECT | problems(ImageNotFound, TruthNotFound, InvalidId),
)
def image_truth(image_id: ImageIdPath, backends: Wired) -> RedirectResponse:
    """Redirects to the signed URL of an indexed PNG."""
    image = backends.catalogue.get(image_id)
    if image.truth_sha256 is None:
        raise TruthNotFound(f"{image_id} has no annotated mask. Register it with a truth_sha256.")
    return _redirect(backends, truth_key(image.truth_sha256))


@router.get(
    "/{image_id:path}/thumbnail",
    status_code=307,
    response_class=RedirectResponse,
    summary="A small picture of the image",
    responses=REDIRECT | problems(ImageNotFound, InvalidId, ImageUnreadable, ImageMissing),
)
async def image_thumbnail(image_id: ImageIdPath, backends: Wired) -> RedirectResponse:
    """Redirects to the signed URL of a JPEG, 256 pixels on its longer side.

    It is made when it is first asked for.
    """
    image = await run_in_threadpool(backends.catalogue.get, image_id)
    await ensure_thumbnail(backends, image.sha256)
    return _redirect(backends, thumbnail_key(image.sha256))


@router.get("/{image_id:path}", summary="One image", responses=problems(ImageNotFound, InvalidId))
def get_image(image_id: ImageIdPath, backends: Wired) -> Image:
    """What the service knows of it, with signed URLs."""
    return backends.links.image(backends.catalogue.get(image_id))


def _take_one(backends: Backends, upload: Upload) -> Image | RoadmaskError:
    try:
        return backends.links.image(keep_image(backends, upload)[0])
    except RoadmaskError as error:
        if error.status >= 500:
            raise
        return error


def _redirect(backends: Backends, key: str) -> RedirectResponse:
    fresh = timedelta(seconds=min(CACHED_S, backends.settings.url_ttl_s // 2))
    headers = {"Cache-Control": f"private, max-age={int(fresh.total_seconds())}"}
    return RedirectResponse(backends.links.nearby(key), headers=headers)
