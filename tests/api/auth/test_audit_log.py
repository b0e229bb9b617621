"""The audit log: what clients changed, and what they read in bulk, is in it once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from storage.access.audit_log import AuditLog
from tests.harness.api.callers import Callers
from tests.harness.api.submission import submit
from tests.harness.images.api_images import picture, put
from tests.harness.waiting import wait_until
from tests.harness.worker.fake_worker import FakeWorker


def test_the_audit_log_has_what_was_done(callers: Callers, worker: FakeWorker) -> None:
    client = callers.client("camera")
    job_id = submit(client, [put(client, picture())])
    worker.finish(job_id)
    client.get(f"/v1/jobs/{job_id}")
    client.get(f"/v1/jobs/{job_id}/archive.zip")
    client.post("/v1/jobs", json={"dataset": "none"})
    log: AuditLog = callers.storage.audit
    assert log.archive(age_ms=-1000) == 3
    put(client, picture(2))
    entries = list(log.list())
    assert [entry["action"] for entry in entries] == [
        "put_image",
        "create_job",
        "job_archive",
        "put_image",
    ]
    assert {entry["key"] for entry in entries} == {"camera"}
    assert entries[2]["path"].endswith(f"{job_id}/archive.zip")


def test_a_job_whose_image_fails_is_in_the_audit_log_once(
    callers: Callers, worker: FakeWorker
) -> None:
    client = callers.client("camera")
    with ThreadPoolExecutor() as threads:
        for failing, status in (((), 200), ((0,), 422)):
            call = threads.submit(client.post, "/v1/segment", content=picture(len(failing)))
            wait_until(lambda: open_jobs(client) != [])
            worker.finish(open_jobs(client)[0], failing=failing)
            assert call.result().status_code == status
    log: AuditLog = callers.storage.audit
    assert [entry["action"] for entry in log.list()] == ["segment_image"] * 2


def open_jobs(client: httpx.Client) -> list[str]:
    jobs = client.get("/v1/jobs", params={"state": "queued"}).json()["jobs"]
    return [job["id"] for job in jobs]
