"""Prometheus metrics of the whole service, from its state in Redis.

Every API process shows the same values: queries take `max`, not `sum`, over processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from roadmask.schemas.jobs import Lane
from storage.reconciler.report import ReconcilerReport
from storage.telemetry.readiness import Readiness
from storage.telemetry.service_state import ServiceState


class ServiceMetrics(Collector):
    """Metrics from one run of the readiness checks.

    Without an answer of Redis, only the results of the checks are included.
    """

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def collect(self) -> Iterator[Metric]:
        """The metrics as prometheus_client wants them."""
        passed = {name: error is None for name, error in self._readiness.checks.items()}
        yield _gauge("ready", "Whether a check of /readyz passes.", "check", passed)
        if self._readiness.state is not None:
            yield from _state_metrics(self._readiness.state)


def _state_metrics(state: ServiceState) -> Iterator[Metric]:
    lanes = state.lanes

    def lane_gauge(name: str, text: str, value: Callable[[Lane], float]) -> Metric:
        return _gauge(name, text, "lane", {lane: value(lane) for lane in lanes})

    yield lane_gauge(
        "queue_messages",
        "Messages that wait in a lane; each tells a worker that a job has work.",
        lambda lane: lanes[lane].messages,
    )
    yield lane_gauge("open_jobs", "Jobs that have not ended.", lambda lane: lanes[lane].jobs)
    yield lane_gauge(
        "open_items", "Items of open jobs that have not ended.", lambda lane: lanes[lane].items
    )
    yield lane_gauge(
        "oldest_job_age_seconds",
        "Age of the oldest open job; 0 without any.",
        lambda lane: lanes[lane].oldest_s,
    )
    yield lane_gauge(
        "workers", "Live workers that consume a lane.", lambda lane: len(state.consumers(lane))
    )
    yield lane_gauge(
        "workers_in_outage",
        "Consuming workers whose last chunk met an outage.",
        lambda lane: sum(bool(worker.outage) for worker in state.consumers(lane)),
    )
    yield from _reconciler_metrics(state.reconciler)


def _reconciler_metrics(report: ReconcilerReport) -> Iterator[Metric]:
    rounds = "Rounds of the reconciler, in all processes."
    yield CounterMetricFamily("roadmask_reconciler_rounds", rounds, report.rounds)
    repairs = CounterMetricFamily(
        "roadmask_reconciler_repairs",
        "What the reconciler repaired, by kind: leases that expired, messages that were lost, jobs "
        "that were archived, and so on.",
        labels=["kind"],
    )
    for kind, count in report.repairs.items():
        repairs.add_metric([kind], count)
    yield repairs
    failing = "Whether something failed in the last round of the reconciler."
    yield GaugeMetricFamily("roadmask_reconciler_failing", failing, float(bool(report.error)))
    if report.age_s is not None:
        age = "Time since the last round of the reconciler."
        yield GaugeMetricFamily("roadmask_reconciler_age_seconds", age, report.age_s)


def _gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    gauge = GaugeMetricFamily(f"roadmask_{name}", text, labels=[label])
    for value_of, value in values.items():
        gauge.add_metric([value_of], float(value))
    return gauge
