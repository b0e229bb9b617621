"""The client's calls for what comes of a job: forms that other tools read, and its webhook."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from io import BytesIO
from zipfile import ZipFile

from roadmask.image_calls import ImageCalls
from roadmask.jobs import Item, Job
from roadmask.mask_formats import MaskFormat
from roadmask.transport import Call
from roadmask.webhooks import Delivery


class ExportCalls(ImageCalls):
    """What a client can do with what came of a job."""

    async def rendering(self, job: Job | str, index: int, form: MaskFormat | str) -> bytes:
        """The mask of a job's item in one of the forms of `roadmask.mask_formats.MaskFormat`.

        Raises `InvalidRequest` for another form, `MaskNotFound`, and `ConfidenceNotFound` where no
        job with `confidence` had the image."""
        call = Call("GET", f"/v1/jobs/{job_id(job)}/items/{index}/mask", {"format": str(form)})
        return (await self.transport.send(call)).content

    async def masks(self, job: Job | str, start: int, stop: int) -> list[tuple[Item, bytes | None]]:
        """The items from `start` to `stop` (exclusive) and the mask of each as an indexed PNG,
        None where it has none: many small masks in one answer. Raises `JobNotFound`."""
        params: dict[str, str | int] = {"start": start, "stop": stop}
        call = Call("GET", f"/v1/jobs/{job_id(job)}/archive.zip", params)
        archive = (await self.transport.send(call)).content
        return await self.transport.aside(partial(_unpack, archive))

    async def annotations(
        self, job: Job | str, form: MaskFormat | str = MaskFormat.COCO
    ) -> AsyncGenerator[bytes]:
        """All finished masks of a job in one document, in blocks as they are made.

        `form` is `coco` or `labelstudio` (JSON), or `cvat` (XML). Raises `JobNotFound`,
        `InvalidRequest` for another form, and `ServiceUnreachable` when it breaks off."""
        path = f"/v1/jobs/{job_id(job)}/annotations"
        async for block in self.transport.download(Call("GET", path, {"format": str(form)})):
            yield block

    async def webhook_deliveries(self, job: Job | str) -> list[Delivery]:
        """What the job's webhook was told, the newest first; none as long as the job is open."""
        found = await self.get(f"/v1/jobs/{job_id(job)}/webhook")
        return [Delivery.model_validate(one) for one in found]

    async def replay_webhook(self, job: Job | str) -> Delivery:
        """Tell the job's webhook of its end once more. Raises `DeliveryNotFound`."""
        return Delivery.model_validate(await self.post(f"/v1/jobs/{job_id(job)}/webhook/replay"))


def _unpack(archive: bytes) -> list[tuple[Item, bytes | None]]:
    with ZipFile(BytesIO(archive)) as file:
        items = map(Item.model_validate_json, file.read("results.jsonl").splitlines())
        there = set(file.namelist())
        names = ((item, f"masks/{item.image_id}.png") for item in items)
        return [(item, file.read(name) if name in there else None) for item, name in names]


def job_id(job: Job | str) -> str:
    """The id of a job given as itself or by its id."""
    return job if isinstance(job, str) else job.id
