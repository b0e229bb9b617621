"""The parts of the app as parameters of routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar, cast

import anyio
from fastapi import Depends, Request
from redis import Redis

from api.auth.access import Access
from api.components import Components
from api.connections.streams import OpenStreams
from api.links import Links
from api.services.disagreement import DisagreementService
from api.services.images import ImageService
from api.services.jobs import JobService
from api.services.previews import PreviewService
from api.services.renderings import RenderingService
from api.services.single_images import SingleImageService
from roadmask.settings import Settings
from storage.access.api_keys import ApiKeys
from storage.access.caller import ANYBODY, Caller
from storage.access.job_sharing import JobSharing
from storage.catalogue.catalogue import Catalogue
from storage.catalogue.content import DatasetContent
from storage.catalogue.dataset_sharing import DatasetSharing
from storage.erasure.eraser import Eraser
from storage.jobs.records import JobRecords
from storage.jobs.watching.watcher import JobWatcher
from storage.models.deployments import Deployments
from storage.models.promotion import Promotion
from storage.models.registry import ModelRegistry
from storage.models.resolver import ModelResolver
from storage.objects.store import ObjectStore
from storage.telemetry.readiness import ReadinessChecks
from storage.webhooks.deliveries import Deliveries

T = TypeVar("T")


def components_of(request: Request) -> Components:
    """The parts of the app that received the request."""
    return cast(Components, request.app.state.components)


def _part(get: Callable[[Components], T]) -> Callable[[Request], Awaitable[T]]:
    async def dependency(request: Request) -> T:
        return get(components_of(request))

    return dependency


async def caller_of_request(request: Request) -> Caller:
    """The sender of the request; `ANYBODY` on public paths."""
    caller: Caller = getattr(request.state, "caller", ANYBODY)
    return caller


async def check_access(request: Request) -> None:
    """Check that the caller may use the job in the path of the request. Raises like `check_job`."""
    await components_of(request).access.check_job(request)


async def _catalogue(request: Request) -> Catalogue:
    """The catalogue as the caller sees it."""
    return components_of(request).storage.catalogue.seen_by(await caller_of_request(request))


SettingsDep = Annotated[Settings, Depends(_part(lambda parts: parts.settings))]
StoreDep = Annotated[ObjectStore, Depends(_part(lambda parts: parts.storage.store))]
RedisDep = Annotated[Redis, Depends(_part(lambda parts: parts.storage.redis))]
AccessDep = Annotated[Access, Depends(_part(lambda parts: parts.access))]
CallerDep = Annotated[Caller, Depends(caller_of_request)]
CatalogueDep = Annotated[Catalogue, Depends(_catalogue)]
ApiKeysDep = Annotated[ApiKeys, Depends(_part(lambda parts: parts.storage.api_keys))]
JobSharingDep = Annotated[JobSharing, Depends(_part(lambda parts: parts.storage.job_sharing))]
DatasetSharingDep = Annotated[
    DatasetSharing, Depends(_part(lambda parts: parts.storage.dataset_sharing))
]
ContentDep = Annotated[DatasetContent, Depends(_part(lambda parts: parts.storage.content))]
RegistryDep = Annotated[ModelRegistry, Depends(_part(lambda parts: parts.storage.registry))]
DeploymentsDep = Annotated[Deployments, Depends(_part(lambda parts: parts.storage.deployments))]
PromotionDep = Annotated[Promotion, Depends(_part(lambda parts: parts.storage.promotion))]
ResolverDep = Annotated[ModelResolver, Depends(_part(lambda parts: parts.storage.resolver))]


async def check_submission(request: Request) -> None:
    """For routes that create a job: refuse a client that exceeds its rate."""
    await components_of(request).submissions.check(request)


ReadinessDep = Annotated[ReadinessChecks, Depends(_part(lambda parts: parts.readiness))]
RecordsDep = Annotated[JobRecords, Depends(_part(lambda parts: parts.storage.records))]
EraserDep = Annotated[Eraser, Depends(_part(lambda parts: parts.storage.eraser))]
WatcherDep = Annotated[JobWatcher, Depends(_part(lambda parts: parts.watcher))]
DeliveriesDep = Annotated[Deliveries, Depends(_part(lambda parts: parts.storage.deliveries))]
LinksDep = Annotated[Links, Depends(_part(lambda parts: parts.links))]
LimiterDep = Annotated[anyio.CapacityLimiter, Depends(_part(lambda parts: parts.limiter))]
StreamsDep = Annotated[OpenStreams, Depends(_part(lambda parts: parts.streams))]
JobServiceDep = Annotated[JobService, Depends(_part(lambda parts: parts.jobs))]
DisagreementServiceDep = Annotated[
    DisagreementService, Depends(_part(lambda parts: parts.disagreement))
]
ImageServiceDep = Annotated[ImageService, Depends(_part(lambda parts: parts.images))]
PreviewServiceDep = Annotated[PreviewService, Depends(_part(lambda parts: parts.previews))]
RenderingServiceDep = Annotated[RenderingService, Depends(_part(lambda parts: parts.renderings))]
SingleImageServiceDep = Annotated[
    SingleImageService, Depends(_part(lambda parts: parts.single_images))
]
