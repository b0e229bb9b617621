"""The OpenAPI document: whole, with every error, and the same from run to run."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.errors import ProblemDocument, Responses
from roadmask.errors import error_classes
from roadmask.images import CatalogueEntry, Hashes
from roadmask.jobs import JobCreate

FORM = "multipart/form-data"
LINES = "application/x-ndjson"
REF = "#/components/schemas/{model}"
DOCUMENTED: tuple[type[BaseModel], ...] = (JobCreate, Hashes, CatalogueEntry, ProblemDocument)
"""Models that no route names in its signature, but the document refers to."""

TAGS = [
    {"name": "images", "description": "Upload images, find them, look at them."},
    {"name": "truths", "description": "Annotated masks, for scores."},
    {"name": "datasets", "description": "Named sets of images."},
    {"name": "jobs", "description": "Ask for masks and follow the work."},
    {"name": "items", "description": "One image of a job, and its mask in every form."},
    {"name": "models", "description": "What makes the masks: versions, cards, what is in service."},
    {"name": "service", "description": "What the service is and how it is doing."},
]


def describe_errors() -> str:
    """What the API is, with a table of every error code."""
    rows = "\n".join(
        f"| `{code}` | {cls.status} | {cls.title} | {'yes' if cls.retryable else 'no'} |"
        for code, cls in sorted(error_classes().items())
    )
    return f"""Street images in, semantic masks out.

Upload images (or name those that are catalogued), create a job, and poll, wait for or stream its
items; each finished one has a mask. Every error is an `application/problem+json` (RFC 9457) whose
`code` is stable. An item that fails has the same codes in its `error`, and its neighbours finish.

| code | status | meaning | may trying again help |
|---|---|---|---|
{rows}
"""


def operation_id(route: APIRoute) -> str:
    """The route's function name: stable, and what generated clients call their methods."""
    return route.name


def json_request(schema: dict[str, Any], example: object = None) -> dict[str, Any]:
    """The `openapi_extra=` of a route with a JSON body of this schema."""
    content: dict[str, Any] = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def binary_request(*content_types: str) -> dict[str, Any]:
    """The `openapi_extra=` of a route whose body is a file as it is."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in content_types}
    return {"requestBody": {"required": True, "content": content}}


def form_request() -> dict[str, Any]:
    """The `openapi_extra=` of a route that takes a form with files."""
    return {"requestBody": {"required": True, "content": {FORM: {"schema": _form({})}}}}


def job_request() -> dict[str, Any]:
    """The `openapi_extra=` of the route that takes a job as JSON or its lines, or as a form."""
    job = {"type": "string", "description": "A JobCreate without images, as JSON."}
    extra = json_request(ref(JobCreate))
    lines = "A JobCreate without images on the first line, then an ImageRef on each."
    extra["requestBody"]["content"][LINES] = {"schema": {"type": "string", "description": lines}}
    extra["requestBody"]["content"][FORM] = {"schema": _form({"job": job})}
    return extra


def answer(status: int, description: str, model: Any = None) -> Responses:
    """The `responses=` of a route that can also answer like this."""
    return {status: {"description": description} | ({"model": model} if model else {})}


def binary_answer(*content_types: str, description: str) -> Responses:
    """The `responses=` of a route that answers 200 with bytes."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in content_types}
    return {200: {"description": description, "content": content}}


def ref(model: type[BaseModel]) -> dict[str, Any]:
    """A reference to a model of `DOCUMENTED`."""
    return {"$ref": REF.format(model=model.__name__)}


def install_openapi(app: FastAPI) -> None:
    """Serve the document with the models that only request bodies and errors refer to."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            _, found = models_json_schema(
                [(model, "validation") for model in DOCUMENTED], ref_template=REF
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(found["$defs"] | schemas)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _form(fields: dict[str, Any]) -> dict[str, Any]:
    files = {"type": "array", "items": {"type": "string", "format": "binary"}}
    return {"type": "object", "required": ["files"], "properties": {"files": files, **fields}}
