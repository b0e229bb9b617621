"""What a job's webhook was told, and telling it again."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from api.auth import require_key
from api.backends import Wired
from api.errors import problems
from roadmask.errors import DeliveryNotFound, JobNotFound
from roadmask.webhooks import Delivery

router = APIRouter(
    prefix="/v1/jobs/{job_id}/webhook", tags=["jobs"], dependencies=[Depends(require_key)]
)


@router.get("", summary="What the job's webhook was told", responses=problems(JobNotFound))
def list_deliveries(job_id: str, backends: Wired) -> list[Delivery]:
    """One delivery for each end of the job, the newest first; none as long as it is open."""
    return backends.deliveries.of(job_id)


@router.post(
    "/replay",
    status_code=202,
    summary="Tell the job's webhook again",
    responses=problems(JobNotFound, DeliveryNotFound),
)
def replay_delivery(job_id: str, backends: Wired) -> Delivery:
    """Sends the newest delivery again, with its id, at once and then as often as a new one."""
    return backends.deliveries.replay(job_id)
