"""What `roadmask models` acts on: an object store, as workers do, or a service through its API."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from roadmask.errors import InvalidRequest
from roadmask.schemas.model_version import ModelVersion
from roadmask.schemas.models import Deployment, ModelList
from roadmask.settings import Settings
from roadmask.shown import shown

if TYPE_CHECKING:
    from roadmask.client.client import Client
    from storage.backends import StorageBackends


class ModelTarget(Protocol):
    """Something that has published models, one of which is in service."""

    def models(self) -> ModelList:
        """The published versions, and the history of deployments."""

    def push(self, folder: Path, version: ModelVersion) -> bool:
        """Publish the artifact in a folder. False if it was published before."""

    def promote(self, model: str, wait_s: float) -> Deployment:
        """Put a version into service after all workers have loaded it, within `wait_s`."""

    def rollback(self) -> Deployment:
        """Put the previous version back into service."""


@contextmanager
def open_target(settings: Settings, url: str | None, api_key: str | None) -> Iterator[ModelTarget]:
    """The service at a URL, or the store of the settings; its name is printed on stderr.

    Raises `InvalidRequest` for a folder that no service has used: a new store would be made there,
    and the change would reach nobody.
    """
    if url is not None:
        from roadmask.client.client import Client

        with Client(url, api_key or os.environ.get("ROADMASK_API_KEY")) as client:
            click.echo(f"Service: {shown(client.base_url)}", err=True)
            yield ServiceTarget(client)
        return
    from storage.backends import StorageBackends
    from storage.connections import store_location

    if settings.store == "local" and not settings.objects_dir.is_dir():
        raise InvalidRequest(
            f"No service uses {settings.data_dir.resolve()}: it has no store. Name the data folder "
            "of the service with --data-dir or ROADMASK_DATA_DIR, an S3 store with "
            "ROADMASK_STORE=minio, or the service itself with --url."
        )
    with closing(StorageBackends.open(settings)) as storage:
        storage.store.check()
        click.echo(f"Store: {shown(store_location(settings))}", err=True)
        yield StoreTarget(storage)


class ServiceTarget:
    """A running service. If it requires API keys, the client has one with the scope `admin`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def models(self) -> ModelList:
        found = self._client.models()
        published = [model for model in found.models if model.published]
        return found.model_copy(update={"models": published})

    def push(self, folder: Path, version: ModelVersion) -> bool:
        before = {ModelVersion(m.name, m.version) for m in self.models().models}
        self._client.push_model(folder)
        return version not in before

    def promote(self, model: str, wait_s: float) -> Deployment:
        return self._client.promote_model(model, wait=wait_s)

    def rollback(self) -> Deployment:
        return self._client.roll_back_model()


class StoreTarget:
    """The object store and the Redis of a service."""

    def __init__(self, storage: StorageBackends) -> None:
        self._storage = storage

    def models(self) -> ModelList:
        current = self._storage.deployments.latest().model
        versions = self._storage.registry.versions()
        return ModelList(
            in_service=current,
            models=[self._storage.resolver.describe(version, current) for version in versions],
            history=[entry.to_schema() for entry in self._storage.deployments.history()],
        )

    def push(self, folder: Path, version: ModelVersion) -> bool:
        is_new = self._storage.registry.push_folder(folder, version)
        self._storage.audit.add_by_operator("push_model", str(version))
        return is_new

    def promote(self, model: str, wait_s: float) -> Deployment:
        made = self._storage.promotion.promote(model, wait_s).to_schema()
        self._storage.audit.add_by_operator("promote_model", str(made.model))
        return made

    def rollback(self) -> Deployment:
        made = self._storage.deployments.rollback().to_schema()
        self._storage.audit.add_by_operator("roll_back_model", made.model or "")
        return made
