"""Mask parameters: one value from the request to the mask's key, silent about defaults."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from roadmask.client.calls.job_request import job_body
from roadmask.schemas.jobs import JobCreate
from roadmask.schemas.mask_parameters import MaskParameters


def test_the_parameters_of_a_request_are_one_value() -> None:
    request = JobCreate(dataset="streets", quality="best", confidence=True)
    assert request.parameters == MaskParameters(quality="best")
    assert request.given() == {"quality": "best"}
    assert JobCreate(dataset="streets").given() == {}


def test_a_record_of_an_earlier_revision_means_the_defaults() -> None:
    assert MaskParameters.of({"lane": "batch", "quality": None}) == MaskParameters()
    assert MaskParameters.of({"lane": "batch", "quality": "fast"}).quality == "fast"


def test_another_quality_is_refused() -> None:
    with pytest.raises(ValidationError, match="'fast', 'standard' or 'best'"):
        JobCreate.model_validate({"dataset": "streets", "quality": "superb"})


def test_an_older_service_is_sent_only_what_it_has_to_know() -> None:
    assert job_body(JobCreate(dataset="streets"))[0] == b'{"dataset":"streets"}'
    body, _ = job_body(JobCreate(dataset="streets", quality="fast"))
    assert body == b'{"quality":"fast","dataset":"streets"}'
