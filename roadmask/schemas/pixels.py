"""What the samples of a camera's images mean, where the files do not say it."""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from roadmask.json_members import check_members
from roadmask.schemas.wire import Wire

CfaPattern = Literal["RGGB", "BGGR", "GRBG", "GBRG"]
Curve = Literal["srgb", "linear"]
Value = Annotated[float, Field(allow_inf_nan=False)]
SampleRange = tuple[Value, Value] | Literal["percentile"]


class Pixels(Wire):
    """How the samples of all images of a job become 8-bit RGB. A member that is null is found
    from the file, or else from the image.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True)

    bits: int | None = Field(None, ge=8, le=16)
    """Bits that the camera uses of each 16-bit sample, the lower ones. Null: those that the file
    states, else the fewest that hold all samples but the brightest 0.01 %."""
    cfa: CfaPattern | None = None
    """Colours of 2x2 sensor pixels, row by row, of grey images that are not demosaicked. Null: what
    the file states, else none."""
    curve: Curve | None = None
    """`linear`: samples are proportional to light, and get the curve of sRGB. Null: `srgb`."""
    range: SampleRange | None = None
    """The samples that become black and white, or `percentile`: for each image those of the 0.5 %
    darkest and brightest. Null: 0 and the largest value of `bits`."""

    @model_validator(mode="after")
    def _rises(self) -> Pixels:
        if isinstance(self.range, tuple) and not self.range[0] < self.range[1]:
            raise ValueError("the first number of `range` must be below the second")
        return self

    def __str__(self) -> str:
        """As the option `--pixels` has it: `bits=12,cfa=RGGB,range=0..4095`."""
        given = self.given().items()
        texts = {
            n: "..".join(f"{v:g}" for v in value) if isinstance(value, list) else value
            for n, value in given
        }
        return ",".join(f"{name}={text}" for name, text in texts.items())

    def given(self) -> dict[str, Any]:
        """Those members that are not null, JSON-able."""
        return self.model_dump(mode="json", exclude_defaults=True)


class RequestedPixels(Pixels):
    """`Pixels` in a request: a member that is not known is refused."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


AS_STORED = Pixels()
"""Nothing is said about the samples."""


def _parsed(value: Any) -> Any:
    """Pixels as they are written in a flat record, in JSON, and as a value; `{}` says nothing."""
    return _plain(value) or None


def _plain(value: Any) -> Any:
    if isinstance(value, Pixels):
        return value.given()
    if isinstance(value, str):
        parsed = json.loads(value)
        check_members(value)
        return parsed
    return value


ParsedPixels = Annotated[Pixels | None, BeforeValidator(_parsed)]
ParsedRequestedPixels = Annotated[RequestedPixels | None, BeforeValidator(_plain)]
"""`{}` stays: it says that nothing is said, where a dataset says something."""
