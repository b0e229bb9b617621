"""The qualities of a model version, from its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from roadmask.errors import InvalidRequest
from roadmask.schemas.mask_parameters import Quality
from roadmask.schemas.models import Qualities, QualityInfo


def card_qualities(card: Mapping[str, Any]) -> Qualities:
    """The qualities that a card (JSON) describes; every model has `standard`."""
    modes = {"standard": {"input_size": card.get("fit", {})}, **card.get("qualities", {})}
    return {
        quality: QualityInfo(
            input_pixels=mode.get("input_size", {}).get("budget"),
            scales=mode.get("scales", (1.0,)),
            mirror=mode.get("mirror", False),
        )
        for quality in get_args(Quality)
        if (mode := modes.get(quality)) is not None
    }


def check_quality(model: str, quality: Quality, qualities: Qualities) -> None:
    """Raise `InvalidRequest`, which names the model's qualities, if this is none of them."""
    if quality not in qualities:
        raise InvalidRequest(
            f"The model {model} has no quality {quality!r}. Choose from {', '.join(qualities)}, "
            "or name another model: GET /v1/models lists the qualities of each."
        )
