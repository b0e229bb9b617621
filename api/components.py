"""Builds the parts that the routes use, once for each app. Connections are opened when needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from api.auth.access import Access
from api.connections.streams import OpenStreams
from api.links import Links
from api.metrics import EtaAccuracy
from api.services.disagreement import DisagreementService
from api.services.images import ImageService
from api.services.jobs import JobService
from api.services.previews import PreviewService
from api.services.renderings import RenderingService
from api.services.single_images import SingleImageService
from api.submissions import SubmissionLimit
from roadmask.limited_process import LimitedProcess
from roadmask.settings import Settings
from storage.backends import StorageBackends, open_watcher
from storage.connections import connect_async_redis
from storage.jobs.watching.watcher import JobWatcher
from storage.rate_limits import RateLimits
from storage.telemetry.readiness import ReadinessChecks
from storage.webhooks.policy import WebhookPolicy

RENDERINGS = 2
"""Masks that are rendered in parallel. Each takes a core and some tens of megabytes."""
DRAWING_S = 60.0
"""Longest time for one preview."""


@dataclass(frozen=True)
class Components:
    """The parts of one app. Routes receive single parts, see `api.dependencies`."""

    settings: Settings
    storage: StorageBackends
    watcher: JobWatcher
    links: Links
    submissions: SubmissionLimit
    readiness: ReadinessChecks
    eta_accuracy: EtaAccuracy
    limiter: anyio.CapacityLimiter
    streams: OpenStreams
    access: Access
    jobs: JobService
    images: ImageService
    disagreement: DisagreementService
    previews: PreviewService
    renderings: RenderingService
    single_images: SingleImageService


@asynccontextmanager
async def open_components(settings: Settings) -> AsyncIterator[Components]:
    """Build the parts from the settings, and close their connections at the end."""
    storage = StorageBackends.open(settings)
    store, records, catalogue = storage.store, storage.records, storage.catalogue
    watcher = open_watcher(settings, store)
    access = Access(settings, storage.api_keys, connect_async_redis(settings))
    links = Links(store, settings)
    limiter = anyio.CapacityLimiter(RENDERINGS)
    webhooks = WebhookPolicy(settings)
    readiness = ReadinessChecks(settings, store)
    drawing = LimitedProcess("api.services.drawing", DRAWING_S)
    previews = PreviewService(store, drawing, settings.max_image_pixels)
    jobs = JobService(records, catalogue, storage.resolver, storage.queue, webhooks, storage.usage)
    images = ImageService(store, catalogue, drawing, settings.max_image_pixels)
    limits_redis = connect_async_redis(settings)
    try:
        yield Components(
            settings=settings,
            storage=storage,
            watcher=watcher,
            links=links,
            submissions=SubmissionLimit(settings, RateLimits(limits_redis)),
            readiness=readiness,
            eta_accuracy=EtaAccuracy(),
            limiter=limiter,
            streams=OpenStreams(settings),
            access=access,
            jobs=jobs,
            images=images,
            disagreement=DisagreementService(store, records),
            previews=previews,
            renderings=RenderingService(store, records, links, previews, limiter),
            single_images=SingleImageService(images, jobs, links),
        )
    finally:
        await access.close()
        await watcher.close()
        await limits_redis.aclose()
        readiness.close()
        drawing.close()
        storage.close()
