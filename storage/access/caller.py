"""Who sent a request."""

from __future__ import annotations

from dataclasses import dataclass

from storage.access.api_key import ApiKey, Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request: an API key, or anybody if the service has no keys."""

    owner: str | None
    """Owner id of the objects that the caller creates; None without keys."""
    name: str
    """Name in log lines and in the audit log."""
    scopes: frozenset[Scope]
    key: ApiKey | None = None
    """The record of the key, with its rate and its quotas."""

    @property
    def sees_all(self) -> bool:
        """Whether the caller may use objects of all owners."""
        return self.owner is None or Scope.ADMIN in self.scopes

    def may(self, scope: Scope) -> bool:
        """Whether the caller has this scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def owns(self, owner: str | None) -> bool:
        """Whether the caller may change objects of `owner`."""
        return self.sees_all or (owner is not None and owner == self.owner)

    def sees(self, owner: str | None) -> bool:
        """Whether the caller may read objects of `owner`. Objects without an owner are shared."""
        return self.sees_all or owner is None or owner == self.owner


ANYBODY = Caller(None, "-", frozenset({Scope.ADMIN}))
"""The caller of a service without keys, and of commands on the machine of the service."""


def caller_of(key: ApiKey) -> Caller:
    """The caller with this key."""
    return Caller(key.id, key.name, frozenset(key.scopes), key)


def caller_of_hash(sha256: str) -> Caller:
    """The caller with a key of `ROADMASK_API_KEY_HASHES`. It has no record and all scopes."""
    owner = f"env-{sha256[:12]}"
    return Caller(owner, owner, frozenset({Scope.ADMIN}))


def owner_alone(owner: str | None) -> Caller:
    """A caller who sees only shared objects and those of this owner; all objects for None."""
    return ANYBODY if owner is None else Caller(owner, owner, frozenset())
