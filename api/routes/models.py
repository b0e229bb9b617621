"""Models: which versions there are, their cards, and which one is in service."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends

from api.auth import require_key
from api.backends import Backends, Wired
from api.errors import problems
from roadmask.errors import ModelNotFound
from roadmask.wire import Wire
from storage.artifacts import Version

router = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[Depends(require_key)])


class Model(Wire):
    """A version of a model."""

    name: str
    version: str
    in_service: bool
    """Whether it is what jobs get that name no model."""
    published: bool
    """Whether it is in the object store; the others came with a worker, and have no more facts."""
    pushed_at: datetime | None = None
    size: int | None = None
    """Of the model, bytes."""
    mean_iou: float | None = None
    """On the first data set of its card."""
    card: dict[str, Any] | None = None
    """What the artifact says of itself: data, recipe, metrics, terms, limits."""


class Turn(Wire):
    """A promotion or a rollback."""

    made_at: datetime
    action: str
    """`promote` or `rollback`."""
    model: str | None
    """`name@version` in service from then on; null: what each worker was started with."""


class ModelList(Wire):
    """All models, and the history of what was in service."""

    in_service: str | None
    """`name@version` that jobs get which name no model; null when workers differ or none lives."""
    models: list[Model]
    history: list[Turn]
    """Newest first, the last twenty."""


@router.get("", summary="List models", responses=problems())
def list_models(backends: Wired) -> ModelList:
    """What the object store has, then what living workers brought with them."""
    current = backends.model_names.in_service()
    versions = backends.artifacts.versions()
    brought = sorted(backends.model_names.brought() - set(map(str, versions)))
    versions += [version for name in brought if (version := Version.parse(name))]
    return ModelList(
        in_service=current,
        models=[_model(backends, version, current) for version in versions],
        history=[
            Turn(made_at=entry.made_at, action=entry.action, model=entry.model)
            for entry in backends.in_service.history()
        ],
    )


@router.get("/{model}", summary="One model", responses=problems(ModelNotFound))
def get_model(model: str, backends: Wired) -> Model:
    """What a job gets that names this: `default`, a name, a version or `name@version`."""
    version = backends.model_names.version(model)
    if version is None:
        raise ModelNotFound(
            f"It is not certain which version {model!r} stands for: no worker is alive, or they "
            "have different ones. Ask again later, or name a version."
        )
    return _model(backends, version, backends.model_names.in_service())


def _model(backends: Backends, version: Version, current: str | None) -> Model:
    facts: dict[str, Any] = {}
    published = backends.artifacts.has(version)
    if published:
        stored = backends.artifacts.read(version)
        measured = stored.card.get("metrics") or [{}]
        facts = {
            "pushed_at": stored.pushed_at,
            "size": stored.size,
            "mean_iou": measured[0].get("scores", {}).get("mean_iou"),
            "card": stored.card,
        }
    return Model(
        name=version.name,
        version=version.version,
        in_service=str(version) == current,
        published=published,
        **facts,
    )
