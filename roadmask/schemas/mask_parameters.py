"""Mask parameters: what a job asks of its masks, beside the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from roadmask.schemas.pixels import ParsedPixels
from roadmask.schemas.wire import Wire

Quality = Literal["fast", "standard", "best"]
"""How much work the model does for an image; its card says what each is."""


class MaskParameters(Wire):
    """Members of a job, and of its items' results, that decide which mask an image gets.

    They travel as one value from the request to the mask's key.
    """

    quality: Quality = "standard"
    """How much work the model does for each image. Every model has `standard`; `GET /v1/models`
    says which others a model has, and what each is."""

    pixels: ParsedPixels = None
    """How samples of more than 8 bits, raw sensor data and thermal images become 8-bit RGB; the
    same for all images of the job. Null: as each file and image says."""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> MaskParameters:
        """Those in a stored record. Its other members are ignored; a missing one is the default."""
        names = MaskParameters.model_fields.keys() & {k for k, v in record.items() if v is not None}
        return MaskParameters(**{name: record[name] for name in names})

    @property
    def parameters(self) -> MaskParameters:
        """These members alone."""
        return MaskParameters(**{name: getattr(self, name) for name in MaskParameters.model_fields})

    def given(self) -> dict[str, Any]:
        """Those of these members that are not the default: a record of defaults has none of them,
        as before they existed."""
        members = self.parameters.model_dump(mode="json", exclude_defaults=True)
        return {name: value for name, value in members.items() if value != {}}

    def flat(self) -> dict[str, str]:
        """`given`, each value as one text: as the fields of a record in Redis."""
        given = self.given().items()
        return {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in given
        }
