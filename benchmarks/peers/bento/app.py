"""BentoML with adaptive batching: `bentoml serve benchmarks.peers.bento.app:Segment`.

The service with the model is a process of its own behind the one that speaks HTTP, as BentoML's
guide to adaptive batching has it. Batches are as large as the engine takes. The latency that the
dispatcher may not exceed is wide: past it, BentoML refuses requests with 503.
"""

from __future__ import annotations

import base64

import bentoml

from benchmarks.peers.segmenting import Segmenting


@bentoml.service(workers=1, traffic={"timeout": 300})
class Segmenter:
    """One process with the model; its dispatcher makes the batches."""

    def __init__(self) -> None:
        self._segmenting = Segmenting()

    @bentoml.api(batchable=True, max_batch_size=8, max_latency_ms=60_000)
    def masks(self, files: list[bytes]) -> list[bytes]:
        return self._segmenting.masks(files)


@bentoml.service(workers=1, traffic={"timeout": 300})
class Segment:
    """The front: an image as base64 in JSON, its mask likewise."""

    segmenter = bentoml.depends(Segmenter)

    @bentoml.api(route="/segment")
    async def segment(self, image: str) -> dict[str, str]:
        (mask,) = await self.segmenter.to_async.masks([base64.b64decode(image)])
        return {"mask": base64.b64encode(mask).decode()}
