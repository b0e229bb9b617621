"""Ray Serve's asynchronous inference: `python -m benchmarks.peers.raytasks.app PORT`.

An ingress stores the image in MinIO and enqueues a task; a task consumer on Redis, through Ray's
Celery adapter, segments it and stores the mask. Tasks carry keys, as Ray's guide advises for large
inputs. The consumer takes as many tasks at once as it may have ongoing requests.
"""

# No `from __future__ import annotations`: Ray pickles the classes by value without the names that
# only their annotations use, and FastAPI could not resolve these.

import os
import sys
import uuid
from functools import cached_property

import ray
from fastapi import FastAPI, Request, Response
from ray import serve
from ray.serve.schema import CeleryAdapterConfig, TaskProcessorConfig
from ray.serve.task_consumer import instantiate_adapter_from_config, task_consumer, task_handler
from starlette.concurrency import run_in_threadpool

from benchmarks.peers.objects import Objects
from benchmarks.peers.segmenting import Segmenting

CONFIG = TaskProcessorConfig(
    queue_name="segment",
    adapter_config=CeleryAdapterConfig(
        broker_url=os.environ["PEER_REDIS"], backend_url=os.environ["PEER_REDIS"]
    ),
)
TASKS = os.cpu_count() or 1
api = FastAPI()


@serve.deployment(
    num_replicas=1,
    max_ongoing_requests=TASKS,
    ray_actor_options={"num_cpus": TASKS},
    logging_config={"enable_access_log": False},
)
@task_consumer(task_processor_config=CONFIG)
class Consumer:
    """Segments the image of a task."""

    def __init__(self) -> None:
        self._segmenting = Segmenting()
        self._objects = Objects()

    @task_handler(name="segment")
    def segment(self, key: str) -> str:
        (mask,) = self._segmenting.masks([self._objects.get(key)])
        name = f"{key}.png"
        self._objects.put(name, mask)
        return name


@serve.deployment(
    num_replicas=1,
    max_ongoing_requests=100,
    ray_actor_options={"num_cpus": 0},
    logging_config={"enable_access_log": False},
)
@serve.ingress(api)
class Ingress:
    """Enqueues tasks and tells their status."""

    def __init__(self, consumer: object) -> None:
        self._consumer = consumer
        self._objects = Objects()

    @cached_property
    def _tasks(self):  # type: ignore[no-untyped-def]
        return instantiate_adapter_from_config(CONFIG)

    @api.post("/segment")
    async def submit(self, request: Request) -> dict[str, str]:
        data, key = await request.body(), uuid.uuid4().hex
        await run_in_threadpool(self._objects.put, key, data)
        task = await run_in_threadpool(self._tasks.enqueue_task_sync, "segment", [key])
        return {"id": task.id}

    @api.get("/segment/{task_id}")
    def status(self, task_id: str) -> dict[str, str]:
        return {"status": str(self._tasks.get_task_status_sync(task_id).status).lower()}

    @api.get("/segment/{task_id}/mask")
    def mask(self, task_id: str) -> Response:
        name = self._tasks.get_task_status_sync(task_id).result
        return Response(self._objects.get(name), media_type="image/png")


if __name__ == "__main__":
    Objects().make()
    ray.init(include_dashboard=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Ingress.bind(Consumer.bind()), blocking=True)  # type: ignore[attr-defined]
