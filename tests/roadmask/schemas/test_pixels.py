"""The setting of samples in every form in which it is written."""

from typing import Any

import click
import pytest

from roadmask.cli.options.pixels import PixelsOption
from roadmask.schemas.jobs import Job, JobCreate, Result
from roadmask.schemas.mask_parameters import MaskParameters
from roadmask.schemas.pixels import Pixels, RequestedPixels

SAID = Pixels(bits=12, cfa="RGGB", curve="linear", range=(256, 4095.5))


def test_a_record_of_texts_gives_the_setting_back() -> None:
    parameters = MaskParameters(pixels=SAID, quality="best")
    assert MaskParameters.of(parameters.flat()) == parameters
    assert MaskParameters.of({"pixels": None}).pixels is None
    assert MaskParameters().flat() == {}


def test_a_setting_that_says_nothing_is_none() -> None:
    written: list[Any] = [{}, Pixels(), None, "{}"]
    for nothing in written:
        assert JobCreate(dataset="a", pixels=nothing).given() == {}
        assert MaskParameters(pixels=nothing).pixels is None
    # A request says that nothing is said, whatever a dataset says.
    said = JobCreate(dataset="a", pixels=RequestedPixels()).model_dump_json(exclude_defaults=True)
    assert JobCreate.model_validate_json(said).pixels == RequestedPixels()


def test_requests_refuse_what_answers_ignore() -> None:
    with pytest.raises(ValueError, match="new"):
        JobCreate.model_validate({"dataset": "a", "pixels": {"new": 1}})
    answer = {"mask_key": "k", "width": 1, "height": 1, "shares": {}, "artifact": "a"}
    assert Result.model_validate({**answer, "pixels": {"new": 1, "bits": 9}}).pixels == Pixels(
        bits=9
    )
    assert "pixels" in Job.model_fields


@pytest.mark.parametrize("said", [SAID, Pixels(bits=10), Pixels(range="percentile", cfa="GBRG")])
def test_the_option_reads_what_it_is_written_as(said: Pixels) -> None:
    assert Pixels.model_validate(PixelsOption().convert(str(said), None, None).given()) == said


@pytest.mark.parametrize("text", ["bits=7", "twelve", "cfa=rggb", "range=5..5", "range=1"])
def test_the_option_says_what_is_wrong(text: str) -> None:
    with pytest.raises(click.BadParameter, match=text.split("=")[0]):
        PixelsOption().convert(text, None, None)
