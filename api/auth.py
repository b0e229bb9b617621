"""API keys: who may use the service.

Only the sha256 of each key is configured, so that neither the environment nor a memory dump of the
settings holds a key. Keys are long and random, hence no slow hash is needed.

A service without keys answers whoever reaches it, except pages of other sites in a browser that
does: see `api.cross_site`.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import (
    APIKeyHeader,
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
)

from api.backends import backends_of
from api.cross_site import refuse_cross_site
from roadmask.errors import Unauthorized

_bearer = HTTPBearer(auto_error=False, description="An API key of this service.")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same, plainly.")
_basic = HTTPBasic(auto_error=False, description="Any user, with an API key as the password.")


def key_is_known(key: str, hashes: list[str]) -> bool:
    """Whether the sha256 of the key is one of `hashes` (hex), in time that doesn't tell which."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    matches = [hmac.compare_digest(digest, known.strip().lower()) for known in hashes]
    return any(matches)


async def require_key(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    header: Annotated[str | None, Depends(_header)],
) -> None:
    """Let the request pass when it has a key, or when the service asks for none.

    Raises `Unauthorized`, `CrossSiteRequest`.
    """
    _admit(request, bearer.credentials if bearer else header)


async def require_password(
    request: Request,
    basic: Annotated[HTTPBasicCredentials | None, Depends(_basic)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    header: Annotated[str | None, Depends(_header)],
) -> None:
    """The same for callers that know nothing but a user and a password: that is the key.

    Raises `Unauthorized`, `CrossSiteRequest`.
    """
    key = bearer.credentials if bearer else header
    _admit(request, basic.password if basic else key)


def _admit(request: Request, key: str | None) -> None:
    settings = backends_of(request).settings
    hashes = settings.api_key_hashes
    if not hashes:
        refuse_cross_site(request, settings.public_url)
    elif not (key and key_is_known(key, hashes)):
        raise Unauthorized(
            "Send your key as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
            if not key
            else "This key is not one of the service's. Check it, or ask its operator for one."
        )
