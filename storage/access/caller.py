"""Who sent a request."""

from __future__ import annotations

from dataclasses import dataclass

from storage.access.api_key import ApiKey, Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request: a key, or anybody where the service has no keys."""

    owner: str | None
    """Id under which what it creates is kept; None without keys."""
    name: str
    """For log lines and the audit log."""
    scopes: frozenset[Scope]
    key: ApiKey | None = None
    """The record of the key, with its rate and its quotas."""

    @property
    def sees_all(self) -> bool:
        """Whether it may use what belongs to others."""
        return self.owner is None or Scope.ADMIN in self.scopes

    def may(self, scope: Scope) -> bool:
        """Whether it has this scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def owns(self, owner: str | None) -> bool:
        """Whether it may change what belongs to `owner`."""
        return self.sees_all or (owner is not None and owner == self.owner)

    def sees(self, owner: str | None) -> bool:
        """Whether it may use what belongs to `owner`. What belongs to nobody is shared."""
        return self.sees_all or owner is None or owner == self.owner


ANYBODY = Caller(None, "-", frozenset({Scope.ADMIN}))
"""The caller of a service without keys, and of commands on its own machine."""


def caller_of(key: ApiKey) -> Caller:
    """The caller with this key."""
    return Caller(key.id, key.name, frozenset(key.scopes), key)


def caller_of_hash(sha256: str) -> Caller:
    """The caller with a key of `ROADMASK_API_KEY_HASHES`, which has no record and may do all."""
    owner = f"env-{sha256[:12]}"
    return Caller(owner, owner, frozenset({Scope.ADMIN}))


def owner_alone(owner: str | None) -> Caller:
    """The caller that sees what is shared and what belongs to this owner."""
    return ANYBODY if owner is None else Caller(owner, owner, frozenset())
