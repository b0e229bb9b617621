"""BentoML with adaptive batching: `bentoml serve benchmarks.peers.bento.app:Segment`.

The model runs in its own process behind the HTTP process, as in BentoML's guide to adaptive
batching. Batches are as large as the engine accepts. The maximum latency is generous, because
BentoML rejects requests with 503 beyond it.
"""

from __future__ import annotations

import base64

import bentoml

from benchmarks.peers.segmenting import Segmenting


@bentoml.service(workers=1, traffic={"timeout": 300})
class Segmenter:
    """The process with the model; its dispatcher forms the batches."""

    def __init__(self) -> None:
        self._segmenting = Segmenting()

    @bentoml.api(batchable=True, max_batch_size=8, max_latency_ms=60_000)
    def masks(self, files: list[bytes]) -> list[bytes]:
        return self._segmenting.masks(files)


@bentoml.service(workers=1, traffic={"timeout": 300})
class Segment:
    """The HTTP process: an image as base64 in JSON in, its mask in the same form out."""

    segmenter = bentoml.depends(Segmenter)

    @bentoml.api(route="/segment")
    async def segment(self, image: str) -> dict[str, str]:
        (mask,) = await self.segmenter.to_async.masks([base64.b64decode(image)])
        return {"mask": base64.b64encode(mask).decode()}
