"""Names of models: which version a job gets that names one."""

from __future__ import annotations

from roadmask.errors import ModelNotFound
from storage.artifacts import NAME, Artifacts, Version, listed
from storage.in_service import InService
from storage.roll import Roll

DEFAULT = "default"


class ModelNames:
    """What jobs may name: versions in the store, and what living workers bring with them.

    Every method raises `RecordsUnavailable` or `StoreUnavailable`.
    """

    def __init__(self, artifacts: Artifacts, in_service: InService, roll: Roll) -> None:
        self._artifacts = artifacts
        self._in_service = in_service
        self._roll = roll

    def pin(self, name: str) -> str:
        """`name@version` for a new job that names this, so that all its masks are of one version.

        Only what is in the store can be had by every worker, now and after an upgrade: a model that
        is not there is left to the worker by the name it came with. Raises `ModelNotFound` when
        neither the store nor any of the living workers has it.
        """
        current = self._in_service.now().model
        if name == DEFAULT:
            return current or self._own_if_stored() or DEFAULT
        if not NAME.fullmatch(name):
            raise ModelNotFound(
                f"{name[:80]!r} is not the name of a model. Use `default`, a name, a version, or "
                "`name@version`; GET /v1/models lists what there is."
            )
        if current is not None and _is_called(current, name):
            return current
        try:
            return str(self._artifacts.find(name))
        except ModelNotFound:
            self._check_workers(name)
        return name

    def version(self, name: str) -> Version | None:
        """The version that a new job gets which names this; None while that is not certain.

        Raises `ModelNotFound`.
        """
        pinned = Version.parse(self.pin(name))
        if pinned is not None and self._artifacts.has(pinned):
            return pinned
        brought = {self._own() or ""} if name == DEFAULT else self.brought()
        versions = (Version.parse(model) for model in brought)
        called = [v for v in versions if v and (name == DEFAULT or v.is_called(name))]
        return called[0] if len(called) == 1 else None

    def brought(self) -> set[str]:
        """What living workers have with them, as `name@version`."""
        workers = self._roll.alive()
        return {str(model) for worker in workers for model in worker.get("models", [])}

    def in_service(self) -> str | None:
        """What was promoted, or else what all living workers were started with."""
        return self._in_service.now().model or self._own()

    def _own(self) -> str | None:
        own = {worker.get("own_model") for worker in self._roll.alive()}
        return own.pop() if len(own) == 1 else None

    def _own_if_stored(self) -> str | None:
        own = self._own()
        version = Version.parse(own) if own else None
        return own if version and self._artifacts.has(version) else None

    def _check_workers(self, name: str) -> None:
        brought = self.brought()
        # Without a worker nobody can tell; the first one that comes will.
        if brought and not any(_is_called(model, name) for model in brought):
            there = brought.union(map(str, self._artifacts.versions()))
            raise ModelNotFound(
                f"There is no model {name!r}: choose from default, {listed(there)}, or publish it "
                "with `roadmask models push`."
            )


def _is_called(model: str, name: str) -> bool:
    version = Version.parse(model)
    return version is not None and version.is_called(name)
