"""Ray Serve with dynamic batching: `python -m benchmarks.peers.rayserve.app PORT`."""

from __future__ import annotations

import asyncio
import sys

from fastapi import FastAPI, Request, Response
from ray import serve

from benchmarks.peers.segmenting import Segmenting

front = FastAPI()


@serve.deployment(num_replicas=1, max_ongoing_requests=32, ray_actor_options={"num_cpus": 1})
@serve.ingress(front)
class Segment:
    def __init__(self) -> None:
        self._segmenting = Segmenting()

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.01)
    async def masks(self, files: list[bytes]) -> list[bytes]:
        return await asyncio.to_thread(self._segmenting.masks, files)

    @front.post("/segment")
    async def segment(self, request: Request) -> Response:
        return Response(await self.masks(await request.body()), media_type="image/png")

    @front.get("/healthz")
    def health(self) -> str:
        return "ok"


app = Segment.bind()

if __name__ == "__main__":
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(app, blocking=True)
