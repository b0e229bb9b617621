"""Resolves the model names of jobs to versions."""

from __future__ import annotations

from typing import Any, get_args

from roadmask.errors import InvalidRequest, ModelNotFound
from roadmask.schemas.mask_parameters import Quality
from roadmask.schemas.model_version import ModelVersion, is_model_name
from roadmask.schemas.models import Model, Qualities, mean_iou
from storage.models.deployments import Deployments
from storage.models.qualities import card_qualities, check_quality
from storage.models.registry import ModelRegistry, join_names
from storage.workers import WorkerRegistry

DEFAULT = "default"


class ModelResolver:
    """Resolves names to published versions, and to models that live workers have by themselves.

    A worker has the model that it was started with, and the shipped ones. Every method raises
    `RecordsUnavailable` and `StoreUnavailable`.
    """

    def __init__(
        self, registry: ModelRegistry, deployments: Deployments, workers: WorkerRegistry
    ) -> None:
        self._registry = registry
        self._deployments = deployments
        self._workers = workers

    def resolve(self, name: str) -> str:
        """Resolve the name in a new job to `name@version`, so that one version makes all its masks.

        Every worker can load a published version, now and after an upgrade. The name of any other
        model is returned unchanged, and the worker resolves it. Raises `ModelNotFound` if neither
        the registry nor a live worker has the model.
        """
        current = self._deployments.current().model
        if name == DEFAULT:
            return current or self._workers_default_if_published() or DEFAULT
        if not is_model_name(name):
            raise ModelNotFound(
                f"{name[:80]!r} is not the name of a model. Use `default`, a name, a version, or "
                "`name@version`; GET /v1/models lists the models."
            )
        if current is not None and _matches(current, name):
            return current
        try:
            return str(self._registry.find(name))
        except ModelNotFound:
            self._check_workers(name)
        return name

    def find_version(self, name: str) -> ModelVersion | None:
        """Find the version that a new job with this name gets; None while that is uncertain.

        Raises `ModelNotFound`.
        """
        resolved = ModelVersion.parse(self.resolve(name))
        if resolved is not None and self._registry.has(resolved):
            return resolved
        models = {self._workers_default() or ""} if name == DEFAULT else self.worker_models()
        versions = (ModelVersion.parse(model) for model in models)
        matching = [v for v in versions if v and (name == DEFAULT or v.matches(name))]
        return matching[0] if len(matching) == 1 else None

    def describe(self, version: ModelVersion, in_service: str | None) -> Model:
        """Describe a version for clients, from the registry or from live workers."""
        facts: dict[str, Any]
        published = self._registry.has(version)
        if published:
            stored = self._registry.read(version)
            facts = {"pushed_at": stored.pushed_at, "size": stored.size, "card": stored.card}
        else:
            facts = self._registry.installed(version)
        return Model(
            name=version.name,
            version=version.version,
            in_service=str(version) == in_service,
            published=published,
            mean_iou=mean_iou(facts.get("card")),
            qualities=self.qualities(version),
            **facts,
        )

    def qualities(self, version: ModelVersion) -> Qualities:
        """The qualities of a version; empty if neither registry nor a live worker knows them."""
        if self._registry.has(version):
            return card_qualities(self._registry.read(version).card)
        for worker in self._workers.list_live():
            if found := worker.qualities.get(str(version)):
                # A worker of a later version may have other qualities, too.
                return {name: found[name] for name in get_args(Quality) if name in found}
        return {}

    def check_quality(self, model: str, quality: Quality) -> None:
        """Raise `InvalidRequest` if a resolved model, or a live worker, lacks this quality.

        If the version or its qualities are unknown, the worker checks them, and the items fail.
        """
        if quality == "standard":
            return
        for worker in self._workers.list_live():
            if "qualities" not in worker.model_fields_set:
                raise InvalidRequest(
                    f"The worker {worker.id} is of an earlier version of Roadmask and knows no "
                    f"quality {quality!r}. Upgrade all workers, or leave `quality` out."
                )
        version = self.find_version(model)
        if version and (known := self.qualities(version)):
            check_quality(str(version), quality, known)

    def worker_models(self) -> set[str]:
        """Return the models that live workers have by themselves, as `name@version`."""
        return {model for worker in self._workers.list_live() for model in worker.models}

    def default_model(self) -> str | None:
        """Return the version in service, or else the model that all workers were started with."""
        return self._deployments.current().model or self._workers_default()

    def _workers_default(self) -> str | None:
        """The model with which all live workers were started; None if they differ."""
        own = {worker.own_model for worker in self._workers.list_live()}
        return own.pop() if len(own) == 1 else None

    def _workers_default_if_published(self) -> str | None:
        model = self._workers_default()
        version = ModelVersion.parse(model) if model else None
        return model if version and self._registry.has(version) else None

    def _check_workers(self, name: str) -> None:
        models = self.worker_models()
        # Without a worker the name cannot be checked; the first worker that starts will check it.
        if models and not any(_matches(model, name) for model in models):
            known = models.union(map(str, self._registry.versions()))
            raise ModelNotFound(
                f"There is no model {name!r}: choose from default, {join_names(known)}, or publish "
                "it with `roadmask models push`."
            )


def _matches(model: str, name: str) -> bool:
    version = ModelVersion.parse(model)
    return version is not None and version.matches(name)
