"""Deliveries to a job's webhook, and sending one again."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import DeliveriesDep
from api.errors import problems
from roadmask.errors import DeliveryNotFound, JobNotFound
from roadmask.schemas.webhooks import Delivery

router = APIRouter(prefix="/v1/jobs/{job_id}/webhook", tags=["jobs"])


@router.get("", summary="List the deliveries to the job's webhook", responses=problems(JobNotFound))
def list_deliveries(job_id: str, deliveries: DeliveriesDep) -> list[Delivery]:
    """One delivery for each time the job ended, newest first; none while the job is open."""
    return deliveries.list_job(job_id)


@router.post(
    "/replay",
    status_code=202,
    summary="Send the newest delivery again",
    responses=problems(JobNotFound, DeliveryNotFound),
)
def replay_delivery(job_id: str, deliveries: DeliveriesDep) -> Delivery:
    """Sends the newest delivery again at once, with the same id and the usual retries."""
    return deliveries.replay(job_id)
