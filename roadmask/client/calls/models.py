"""The calls about models: what there is, and what is in service."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from roadmask.client.answers import AnswerReader
from roadmask.client.calls.artifact_archive import pack_artifact
from roadmask.client.transport import Call, Transport
from roadmask.errors import NotFound
from roadmask.schemas.ids import path_part
from roadmask.schemas.media_types import OCTET_STREAM
from roadmask.schemas.model_version import ModelVersion
from roadmask.schemas.models import Deployment, Model, ModelList

PATH = "/v1/models"


class ModelCalls:
    """The part of `Api` about models."""

    transport: Transport
    _answers: AnswerReader

    async def models(self) -> ModelList:
        """All models, and the history of promotions and rollbacks."""
        return await self._answers.get(ModelList, PATH)

    async def artifact(self, model: str = "default") -> str | None:
        """The model version that a new job with this `model` gets, as `name@version`. None while
        no worker is alive, or workers have different versions."""
        try:
            found = await self._answers.get(Model, f"{PATH}/{path_part(model)}")
        except NotFound:
            return None
        return str(ModelVersion(found.name, found.version))

    async def push_model(self, folder: str | Path) -> Model:
        """Publish the artifact in a folder. Needs a key with the scope `admin`.

        Raises `ModelNotFound` without an artifact, `HashMismatch` for a damaged one, and
        `Conflict` if the version was published with another card."""
        with tempfile.TemporaryDirectory() as temporary:
            archive = Path(temporary) / "artifact.zip"
            await self.transport.offload(partial(pack_artifact, Path(folder), archive))
            headers = {"Content-Type": OCTET_STREAM}
            call = Call("POST", PATH, headers=headers, body=archive, idempotent=True)
            return await self._answers.send(Model, call)

    async def promote_model(self, model: str, *, wait: float = 60) -> Deployment:
        """Put a published version into service when all workers have loaded it, within `wait`
        seconds; with 0 at once. Needs a key with the scope `admin`.

        Raises `ModelNotFound`, `ModelFailed` if a worker cannot load it, and `Unavailable` when
        the time is over; then nothing is changed."""
        call = Call(
            "POST",
            f"{PATH}/{path_part(model)}/promote",
            {"wait": str(wait)},
            timeout=self.transport.timeout + wait,
        )
        return await self._answers.send(Deployment, call)

    async def roll_back_model(self) -> Deployment:
        """Put the previous version back into service. Needs a key with the scope `admin`.

        Raises `Conflict` if there is none."""
        return await self._answers.send(Deployment, Call("POST", f"{PATH}/rollback"))
