"""The client's calls for what is made of a job's masks: the forms that other tools read."""

from __future__ import annotations

from roadmask.image_calls import ImageCalls
from roadmask.jobs import Job
from roadmask.mask_formats import MaskFormat
from roadmask.transport import Call


class ExportCalls(ImageCalls):
    """What a client can do with the masks of a job."""

    async def rendering(self, job: Job | str, index: int, form: MaskFormat | str) -> bytes:
        """The mask of a job's item in one of the forms of `roadmask.mask_formats.MaskFormat`.

        Raises `InvalidRequest` for another form, `MaskNotFound`, and `ConfidenceNotFound` where no
        job with `confidence` had the image."""
        call = Call("GET", f"/v1/jobs/{job_id(job)}/items/{index}/mask", {"format": str(form)})
        return (await self.transport.send(call)).content


def job_id(job: Job | str) -> str:
    """The id of a job given as itself or by its id."""
    return job if isinstance(job, str) else job.id
