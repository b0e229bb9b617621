"""The OpenAPI document: complete, with every error, and deterministic."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.auth.middleware import SECURITY_SCHEMES, security_requirements
from api.errors import ProblemDocument, Responses, problems
from roadmask.errors import RangeUnsatisfiable, error_classes
from roadmask.schemas.jobs import JobCreate
from roadmask.schemas.media_types import OCTET_STREAM

BINARY = {"type": "string", "format": "binary"}
"""The schema of a file."""
PNG_BODY = {"image/png": BINARY, OCTET_STREAM: BINARY}
"""The schema of a body that is a PNG. Its media type may also be that of unknown bytes."""
REF = "#/components/schemas/{model}"
REFERENCED: tuple[type[BaseModel], ...] = (JobCreate, ProblemDocument)
"""Models to which the document refers although no route has them in its signature."""

TAGS = [
    {"name": "images", "description": "Upload, find and view images."},
    {"name": "truths", "description": "Annotated masks, for scores."},
    {"name": "datasets", "description": "Named sets of images."},
    {"name": "jobs", "description": "Request masks and follow progress."},
    {"name": "items", "description": "Single images of a job, and their masks in every format."},
    {
        "name": "models",
        "description": "Model versions, their cards, and which version is in service.",
    },
    {"name": "service", "description": "Status, limits and health of the service."},
]


def describe_errors() -> str:
    """The description of the API, with a table of every error code."""
    rows = "\n".join(
        f"| `{code}` | {cls.status} | {cls.title} | {'yes' if cls.retryable else 'no'} |"
        for code, cls in sorted(error_classes().items())
    )
    return f"""Street images in, semantic masks out.

Upload images or use catalogued ones, create a job, and poll, wait for or stream its items. Each
finished item has a mask. Every error is an `application/problem+json` (RFC 9457) with a stable
`code`. A failed item has the same codes in its `error`, and does not stop the other items.

| code | status | meaning | retryable |
|---|---|---|---|
{rows}
"""


def operation_id(route: APIRoute) -> str:
    """The name of the route's function: stable, and the method's name in generated clients."""
    return route.name


def request_body(content: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The `openapi_extra=` of a route that reads its body itself: a schema for each media type."""
    described = {kind: {"schema": schema} for kind, schema in content.items()}
    return {"requestBody": {"required": True, "content": described}}


def answer(status: int, description: str, model: Any = None) -> Responses:
    """The `responses=` of a route that can also answer with this status."""
    return {status: {"description": description} | ({"model": model} if model else {})}


PARTS: Responses = {
    206: {"description": "The part that `Range` asks for."},
    304: {"description": "The client's copy is current."},
    **problems(RangeUnsatisfiable, common=()),
}
"""The `responses=` of a route whose answers have an `ETag`; `RangeMiddleware` makes them."""


def binary_answer(*content_types: str, description: str) -> Responses:
    """The `responses=` of a route that answers 200 with bytes."""
    # Generated clients use the first media type that they know. With `application/octet-stream`
    # they return bytes. They do not know `image/png`, and would parse `application/json`.
    content = {
        kind: {"schema": {} if kind.endswith(("/json", "+json")) else BINARY}
        for kind in (OCTET_STREAM, *content_types)
    }
    return {200: {"description": description, "content": content}}


def form_with_files(**texts: Any) -> dict[str, Any]:
    """The schema of a multipart form with `files` and these text fields."""
    files = {"type": "array", "items": BINARY}
    return {"type": "object", "required": ["files"], "properties": {"files": files, **texts}}


def _leave_out_defaults(schema: dict[str, Any]) -> None:
    """Move the defaults of a request's members into their descriptions.

    TypeScript generators make a member with a `default` mandatory, so that a request without it
    does not compile.
    """
    # Only requests refuse unknown members.
    if schema.get("additionalProperties") is not False:
        return
    for member in schema.get("properties", {}).values():
        default = member.pop("default", None)
        if default is not None:
            sentence = f"Default: `{json.dumps(default)}`."
            member["description"] = f"{member.get('description', '')} {sentence}".strip()


def install_openapi(app: FastAPI) -> None:
    """Add the referenced models and the security of each path to the document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
                servers=app.servers,
            )
            _, found = models_json_schema(
                [(model, "validation") for model in REFERENCED], ref_template=REF
            )
            components = document.setdefault("components", {})
            components["schemas"] = found["$defs"] | components["schemas"]
            for schema in components["schemas"].values():
                _leave_out_defaults(schema)
            components["securitySchemes"] = SECURITY_SCHEMES
            for path, operations in document["paths"].items():
                if required := security_requirements(path):
                    for operation in operations.values():
                        operation["security"] = required
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
