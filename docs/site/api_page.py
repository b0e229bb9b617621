"""The page of the HTTP API, generated from the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schema_text import meaning, schema_section, type_of

from api.app import create_app
from ml.study.markdown import code, table
from roadmask.settings import Settings

Part = Mapping[str, Any]
PROBLEM = "application/problem+json"
KEYS = """\
If the service has keys, every call needs one, as `Authorization: Bearer KEY` or `X-API-Key: KEY`,
except `/healthz`, `/readyz`, the page, the documentation and signed URLs.

A running service shows this document at `/docs`, where you can try the calls, and returns it at
`/openapi.json`.
"""


def api_page() -> str:
    """Return the page as Markdown: calls by tag, errors, then the schemas."""
    document = create_app(Settings()).openapi()
    introduction, _, errors = document["info"]["description"].partition("| code |")
    parts = ["# HTTP API", introduction, KEYS]
    for tag in document["tags"]:
        parts += [f"## {tag['name'].capitalize()}", tag["description"]]
        parts += [_call(*call) for call in _calls(document) if tag["name"] in call[2]["tags"]]
    parts += ["## Errors", f"| code |{errors}", "## Schemas"]
    schemas = sorted(document["components"]["schemas"].items())
    parts += [schema_section(name, schema) for name, schema in schemas]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _calls(document: Part) -> Iterator[tuple[str, str, Part]]:
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            yield method.upper(), path, call


def _call(method: str, path: str, call: Part) -> str:
    parts = [f"### {call['summary']} {{ #{call['operationId']} }}", f"`{method} {path}`"]
    parts.append(call.get("description", ""))
    if parameters := call.get("parameters"):
        rows = [
            (code(each["name"]), each["in"], type_of(each["schema"]), meaning(each))
            for each in parameters
        ]
        parts.append(table(("parameter", "in", "type", "meaning"), rows))
    if body := call.get("requestBody"):
        rows = [(code(kind), _body(each)) for kind, each in body["content"].items()]
        parts.append(table(("body", "type"), rows))
    rows = [_response(status, each) for status, each in sorted(call["responses"].items())]
    parts.append(table(("status", "body", "meaning"), rows))
    return "\n\n".join(part for part in parts if part)


def _response(status: str, response: Part) -> tuple[str, str, str]:
    content = response.get("content", {})
    description = response["description"]
    if PROBLEM in content:
        return status, type_of(content[PROBLEM]["schema"]), description
    bodies = [f"{code(kind)} {_body(each)}" for kind, each in content.items()]
    return status, ", ".join(bodies), "" if description == "Successful Response" else description


def _body(media: Part) -> str:
    schema = media.get("schema", {})
    if "properties" not in schema:
        return type_of(schema)
    fields = [f"{code(name)}: {type_of(each)}" for name, each in schema["properties"].items()]
    return "fields " + "; ".join(fields)
