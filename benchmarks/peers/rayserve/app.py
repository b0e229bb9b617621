"""Ray Serve with dynamic batching: `python -m benchmarks.peers.rayserve.app PORT`.

One replica with the model. It requests all cores, because Ray limits the threads of its libraries
to that number; the proxy requests none. Batches are as large as the engine accepts, with Ray's
default timeout. Access logs are off, as Ray's performance guide recommends, and so is the
dashboard.
"""

from __future__ import annotations

import asyncio
import os
import sys

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.peers.segmenting import Segmenting


@serve.deployment(
    num_replicas=1,
    max_ongoing_requests=32,
    ray_actor_options={"num_cpus": os.cpu_count()},
    logging_config={"enable_access_log": False},
)
class Segment:
    """An image as the body of the request, its mask as the body of the response."""

    def __init__(self) -> None:
        self._segmenting = Segmenting()

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.01)
    async def masks(self, files: list[bytes]) -> list[bytes]:
        return await asyncio.to_thread(self._segmenting.masks, files)

    async def __call__(self, request: Request) -> Response:
        return Response(await self.masks(await request.body()), media_type="image/png")


if __name__ == "__main__":
    ray.init(include_dashboard=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Segment.bind(), blocking=True)  # type: ignore[attr-defined]
