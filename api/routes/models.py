"""Models: their versions and cards, and which version is in service."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.dependencies import DeploymentsDep, RegistryDep, ResolverDep
from api.errors import problems
from roadmask.errors import ModelNotFound
from roadmask.schemas.model_version import ModelVersion
from roadmask.schemas.models import Deployment, Model, ModelList
from storage.models.registry import ModelRegistry
from storage.models.resolver import ModelResolver

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", summary="List models", responses=problems())
def list_models(
    registry: RegistryDep, deployments: DeploymentsDep, resolver: ResolverDep
) -> ModelList:
    """Published versions, then versions that are installed with live workers."""
    current = resolver.default_model()
    versions = registry.versions()
    brought = sorted(resolver.worker_models() - set(map(str, versions)))
    versions += [version for name in brought if (version := ModelVersion.parse(name))]
    return ModelList(
        in_service=current,
        models=[_model(registry, resolver, version, current) for version in versions],
        history=[
            Deployment(made_at=entry.made_at, action=entry.action, model=entry.model)
            for entry in deployments.history()
        ],
    )


@router.get("/{model}", summary="One model", responses=problems(ModelNotFound))
def get_model(model: str, registry: RegistryDep, resolver: ResolverDep) -> Model:
    """The version for a job that names this: `default`, a name, a version or `name@version`."""
    version = resolver.find_version(model)
    if version is None:
        raise ModelNotFound(
            f"The version of {model!r} is not known: no worker is alive, or workers have "
            "different versions. Ask again later, or name a version."
        )
    return _model(registry, resolver, version, resolver.default_model())


def _model(
    registry: ModelRegistry, resolver: ModelResolver, version: ModelVersion, current: str | None
) -> Model:
    facts: dict[str, Any]
    published = registry.has(version)
    if published:
        stored = registry.read(version)
        facts = {"pushed_at": stored.pushed_at, "size": stored.size, "card": stored.card}
    else:
        facts = registry.installed(version)
    measured = (facts.get("card") or {}).get("metrics") or [{}]
    return Model(
        name=version.name,
        version=version.version,
        in_service=str(version) == current,
        published=published,
        mean_iou=measured[0].get("scores", {}).get("mean_iou"),
        qualities=resolver.qualities(version),
        **facts,
    )
