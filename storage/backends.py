"""Builds the parts of storage from the settings. Connections are opened when they are needed."""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis

from roadmask.settings import Settings
from storage.access.api_keys import ApiKeys
from storage.access.audit_log import AuditLog
from storage.access.job_sharing import JobSharing
from storage.access.key_usage import KeyUsage
from storage.access.ownership import Ownership
from storage.catalogue.catalogue import Catalogue
from storage.catalogue.content import DatasetContent
from storage.catalogue.dataset_sharing import DatasetSharing
from storage.catalogue.index import CatalogueIndex
from storage.catalogue.truths import Truths
from storage.connections import connect_async_redis, connect_redis, open_store
from storage.erasure.eraser import Eraser
from storage.erasure.garbage import Garbage
from storage.jobs.archive import JobArchive
from storage.jobs.item_figures import FigureReader
from storage.jobs.item_list import ItemList
from storage.jobs.item_reader import ItemReader
from storage.jobs.leases import Leases
from storage.jobs.records import JobRecords
from storage.jobs.results import Results
from storage.jobs.scripts import JobScripts
from storage.jobs.watching.event_reader import EventReader
from storage.jobs.watching.status_reader import StatusReader
from storage.jobs.watching.watcher import JobWatcher
from storage.models.deployments import Deployments
from storage.models.promotion import Promotion
from storage.models.registry import ModelRegistry
from storage.models.resolver import ModelResolver
from storage.objects.store import ObjectStore
from storage.queue import JobQueue
from storage.reconciler.leadership import Leadership
from storage.reconciler.rebuild import Rebuild
from storage.reconciler.reconciler import Reconciler
from storage.reconciler.restorer import JobRestorer
from storage.reconciler.unreadable import UnreadableRecords
from storage.webhooks.deliveries import Deliveries
from storage.workers import WorkerRegistry


@dataclass(frozen=True)
class StorageBackends:
    """The parts of storage, sharing one Redis client and one object store."""

    redis: Redis
    store: ObjectStore
    queue: JobQueue
    workers: WorkerRegistry
    catalogue: Catalogue
    content: DatasetContent
    ownership: Ownership
    api_keys: ApiKeys
    usage: KeyUsage
    audit: AuditLog
    registry: ModelRegistry
    deployments: Deployments
    resolver: ModelResolver
    promotion: Promotion
    records: JobRecords
    job_sharing: JobSharing
    dataset_sharing: DatasetSharing
    eraser: Eraser
    garbage: Garbage
    archive: JobArchive
    leases: Leases
    deliveries: Deliveries
    reconciler: Reconciler

    @classmethod
    def open(cls, settings: Settings) -> StorageBackends:
        """Build the parts on the Redis and the object store of the settings."""
        return cls.build(connect_redis(settings), open_store(settings), settings)

    @classmethod
    def build(cls, redis: Redis, store: ObjectStore, settings: Settings) -> StorageBackends:
        """Build the parts on this Redis and this object store."""
        queue, workers = JobQueue(redis, settings), WorkerRegistry(redis)
        ownership, audit = Ownership(redis, store), AuditLog(redis, store)
        index = CatalogueIndex(redis, ownership)
        catalogue = Catalogue(store, index, Truths(redis, store), ownership)
        registry, deployments = ModelRegistry(store), Deployments(redis, store)
        scripts = JobScripts(redis)
        results = Results(redis, store, scripts)
        archive = JobArchive(redis, store, scripts, results, settings)
        deliveries = Deliveries(redis, store, scripts, settings)
        unreadable = UnreadableRecords(redis, store)
        restorer = JobRestorer(redis, store, scripts, deliveries, unreadable, settings)
        sharing = DatasetSharing(catalogue, index, ownership)
        lead = Leadership(redis, settings)
        rebuild = Rebuild(redis, store, catalogue, sharing, restorer, unreadable)
        items = ItemReader(redis, store, results)
        item_list = ItemList(FigureReader(redis, store, results))
        records = JobRecords(redis, store, scripts, items, item_list, settings)
        settle_s = 2 * settings.item_deadline_s + settings.lease_s
        eraser = Eraser(redis, store, catalogue, ownership, records, settle_s)
        reconciler = Reconciler(
            redis, store, scripts, results, archive, lead, rebuild, restorer, queue, audit, settings
        )
        return cls(
            redis=redis,
            store=store,
            queue=queue,
            workers=workers,
            catalogue=catalogue,
            content=DatasetContent(redis, records, catalogue),
            ownership=ownership,
            api_keys=ApiKeys(redis, store),
            usage=KeyUsage(redis),
            audit=audit,
            registry=registry,
            deployments=deployments,
            resolver=ModelResolver(registry, deployments, workers),
            promotion=Promotion(registry, deployments, workers, settings.model_public_keys),
            records=records,
            job_sharing=JobSharing(redis, store),
            dataset_sharing=sharing,
            eraser=eraser,
            garbage=Garbage(
                store,
                catalogue,
                ownership,
                records,
                eraser,
                registry,
                deployments,
                workers,
                unreadable,
                settings,
            ),
            archive=archive,
            leases=Leases(store, scripts, results, archive, settings),
            deliveries=deliveries,
            reconciler=reconciler,
        )

    def close(self) -> None:
        """Close the connections to Redis."""
        self.redis.close()


def open_watcher(settings: Settings, store: ObjectStore) -> JobWatcher:
    """Build the async reader of jobs, with a Redis client of its own."""
    redis = connect_async_redis(settings)
    return JobWatcher(redis, store, StatusReader(redis), EventReader(redis))
