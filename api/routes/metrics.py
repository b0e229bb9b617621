"""Metrics for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, REGISTRY, CollectorRegistry, generate_latest

from api.dependencies import ReadinessDep
from api.errors import problems
from api.openapi import binary_answer
from storage.telemetry.service_metrics import ServiceMetrics

router = APIRouter(tags=["service"])


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses=binary_answer("text/plain", description="Prometheus' text format.") | problems(),
)
async def get_metrics(readiness: ReadinessDep) -> Response:
    """This process's requests and errors, and the state of the whole service.

    Workers serve theirs on a port of their own, see `ROADMASK_METRICS_PORT`. Answers within 2
    seconds, even if Redis or the object store hangs.
    """
    service = CollectorRegistry()
    service.register(ServiceMetrics(await readiness.run()))
    text = generate_latest(REGISTRY) + generate_latest(service)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
