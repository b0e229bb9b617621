"""BentoML tasks: `bentoml serve benchmarks.peers.bentotasks.app:SegmentTasks`.

The same services as in `benchmarks.peers.bento`, with `@bentoml.task` in place of `@bentoml.api`,
which is all that its guide changes. The client submits, polls the status and gets the result.
"""

from __future__ import annotations

import base64

import bentoml

from benchmarks.peers.bento.app import Segmenter


@bentoml.service(workers=1, traffic={"timeout": 300})
class SegmentTasks:
    """The HTTP process: a task takes an image as base64 and results in its mask."""

    segmenter = bentoml.depends(Segmenter)

    @bentoml.task(route="/segment")
    async def segment(self, image: str) -> dict[str, str]:
        (mask,) = await self.segmenter.to_async.masks([base64.b64decode(image)])
        return {"mask": base64.b64encode(mask).decode()}
