"""Models: their versions and cards, and which version is in service."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.bodies.artifact import MAX_ARTIFACT_BYTES, unpack_artifact
from api.bodies.uploads import receive_file, temporary_folder
from api.dependencies import DeploymentsDep, PromotionDep, RegistryDep, ResolverDep
from api.errors import problems
from api.openapi import BINARY, answer, request_body
from roadmask.errors import (
    Conflict,
    HashMismatch,
    ModelFailed,
    ModelNotFound,
    SignatureInvalid,
    UploadTooLarge,
)
from roadmask.schemas.media_types import OCTET_STREAM
from roadmask.schemas.model_version import ModelVersion
from roadmask.schemas.models import LONGEST_WAIT_S, Deployment, Model, ModelList

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", summary="List models", responses=problems())
def list_models(
    registry: RegistryDep, deployments: DeploymentsDep, resolver: ResolverDep
) -> ModelList:
    """Published versions, then versions that are installed with live workers."""
    current = resolver.default_model()
    versions = registry.versions()
    installed = sorted(resolver.worker_models() - set(map(str, versions)))
    versions += [version for name in installed if (version := ModelVersion.parse(name))]
    return ModelList(
        in_service=current,
        models=[resolver.describe(version, current) for version in versions],
        history=[entry.to_schema() for entry in deployments.history()],
    )


@router.post(
    "",
    status_code=201,
    summary="Publish a model",
    openapi_extra=request_body({OCTET_STREAM: BINARY}),
    responses=answer(200, "It was published before.", Model)
    | problems(Conflict, HashMismatch, UploadTooLarge),
)
async def push_model(
    request: Request, response: Response, registry: RegistryDep, resolver: ResolverDep
) -> Model:
    """Takes the files of an artifact as a ZIP archive: `model.keras` and `card.json`, and beside
    them `openvino-f32.zip`, its compiled network, and `signature.json`. Needs the scope `admin`."""
    with temporary_folder() as folder:
        upload = await receive_file(request, folder, MAX_ARTIFACT_BYTES)

        def publish() -> Model:
            artifact = folder / "artifact"
            version = unpack_artifact(upload.path, artifact)
            is_new = registry.push_folder(artifact, version)
            response.status_code = 201 if is_new else 200
            return resolver.describe(version, resolver.default_model())

        return await run_in_threadpool(publish)


@router.post("/rollback", summary="Roll back the model", responses=problems(Conflict))
def roll_back_model(deployments: DeploymentsDep) -> Deployment:
    """Put the previous version back into service. Needs the scope `admin`."""
    return deployments.rollback().to_schema()


@router.post(
    "/{model}/promote",
    summary="Promote a model",
    responses=problems(ModelNotFound, ModelFailed, HashMismatch, SignatureInvalid),
)
def promote_model(
    model: str,
    promotion: PromotionDep,
    wait: Annotated[
        float,
        Query(ge=0, le=LONGEST_WAIT_S, description="Seconds for all workers to load it; 0: none."),
    ] = 60,
) -> Deployment:
    """Put a published version into service, when all workers have loaded it. Needs the scope
    `admin`. `model` is a name, a version or `name@version`."""
    return promotion.promote(model, wait).to_schema()


@router.get("/{model}", summary="One model", responses=problems(ModelNotFound))
def get_model(model: str, resolver: ResolverDep) -> Model:
    """The version for a job that names this: `default`, a name, a version or `name@version`."""
    version = resolver.find_version(model)
    if version is None:
        raise ModelNotFound(
            f"The version of {model!r} is not known: no worker is alive, or workers have "
            "different versions. Ask again later, or name a version."
        )
    return resolver.describe(version, resolver.default_model())
