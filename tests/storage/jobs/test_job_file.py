"""The file of a job: written and read, also those of earlier revisions."""

from __future__ import annotations

import json

from roadmask.hashing import sha256_of
from roadmask.schemas.jobs import JobCreate
from roadmask.schemas.mask_parameters import MaskParameters
from storage.jobs.job_file import JobFile, new_job_file, read_job_file, write_job_file
from storage.objects.keys import job_file_key
from storage.objects.local import LocalStore
from tests.harness.storage.records_harness import RecordsHarness, manifest_item, request


def job_file(**fields: str) -> JobFile:
    return new_job_file("j", request(1, **fields), "m@1", 1, None, items=(manifest_item(0),))


def test_parameters_of_masks_are_kept(store: LocalStore) -> None:
    file = job_file(quality="best")
    write_job_file(store, file)
    assert read_job_file(store, "j") == file
    assert file.record()["quality"] == "best"


def test_a_job_without_them_is_written_and_read_as_before_they_existed(store: LocalStore) -> None:
    write_job_file(store, job_file())
    content = json.loads(store.get(job_file_key("j")))
    assert not {"quality", "parameters"} & content.keys()
    assert "quality" not in job_file().record()
    assert read_job_file(store, "j").parameters == MaskParameters()


def test_an_idempotency_key_outlives_an_upgrade() -> None:
    earlier = {
        "images": [{"id": "scenes/000001", "custom_id": None}], "dataset": None, "prefix": None,
        "name": None, "model": "default", "lane": None, "confidence": False,
        "error_threshold": None, "deadline_s": None, "webhook": None,
    }  # fmt: skip
    text = json.dumps(earlier, separators=(",", ":"))
    asked = JobCreate.model_validate(earlier)
    assert new_job_file("j", asked, "m@1", 1, None).fingerprint == sha256_of(text.encode())
    other = asked.model_copy(update={"quality": "fast"})
    assert new_job_file("j", other, "m@1", 1, None).fingerprint != sha256_of(text.encode())


def test_a_claim_and_a_rebuilt_job_have_the_parameters(harness: RecordsHarness) -> None:
    job_id = harness.accept(1, quality="fast")
    assert harness.job(job_id).quality == "fast"
    harness.redis.flushall()
    harness.reconciler.run()
    assert harness.job(job_id).quality == "fast"
    assert harness.claim(job_id).parameters == MaskParameters(quality="fast")
    assert harness.claim(harness.accept(1)).parameters == MaskParameters()
