"""The OpenAPI document is whole: every operation, every error, every model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import create_app
from roadmask.errors import error_classes
from roadmask.settings import Settings

ITEM_ONLY = {
    "deadline_exceeded",
    "decoder_crashed",
    "engine_not_found",
    "item_error",
    "model_failed",
    "model_not_loaded",
    "worker_crashed",
}
"""Codes that only items of jobs have."""
UNSENT = {"service_unreachable", "unavailable", "conflict", "not_found", "method_not_allowed"}
"""Codes of the client, of unknown addresses, and of classes that only others inherit from."""
CONNECTION_ONLY = {"head_too_large", "request_too_slow"}
"""Codes of connections, whatever they ask for."""
DAMAGED = {"mask_damaged", "record_unreadable"}
"""Codes of damaged data, which whatever reads them can meet."""
PROGRAM_ONLY = {
    *("condition_unclear", "incompatible_service", "training_stopped", "unknown_category"),
    *("mask_not_written", "video_unavailable"),
    "signature_invalid",
}
"""Codes of commands, which talk to a person and not over HTTP."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def examples(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The operation's documented problems by code, with the status each is listed under."""
    return {
        code: example["value"] | {"listed": int(status)}
        for status, response in operation["responses"].items()
        if int(status) >= 400
        for code, example in response["content"]["application/problem+json"]["examples"].items()
    }


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(json.loads(json.dumps(document))).validate()


def test_every_operation_is_named_tagged_and_described(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert set(operation["tags"]) <= tags, name
        assert operation["operationId"].isidentifier(), name


def test_every_operation_documents_its_errors_in_the_one_shape(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        problems = examples(operation)
        if name == "GET /healthz":
            assert problems == {}
            continue
        assert any(problem["listed"] >= 500 for problem in problems.values()), name
        for code, problem in problems.items():
            assert problem["code"] == code, name
            assert problem["status"] == problem["listed"] == error_classes()[code].status, name
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ProblemDocument"}, name


def test_operations_that_ask_for_a_key_can_refuse_it(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert ("unauthorized" in examples(operation)) == ("security" in operation), name


def test_every_code_is_documented_where_it_can_occur(document: dict[str, Any]) -> None:
    sent = {code for _, operation in operations(document) for code in examples(operation)}
    codes = set(error_classes())
    assert sent <= codes
    assert codes - sent <= ITEM_ONLY | UNSENT | CONNECTION_ONLY | DAMAGED | PROGRAM_ONLY
    for code in codes:
        assert f"| `{code}` |" in document["info"]["description"]
    assert set(
        document["components"]["schemas"]["ProblemDocument"]["properties"]["code"]["enum"]
    ) == (codes)


def test_the_document_is_the_same_from_run_to_run(document: dict[str, Any]) -> None:
    again = create_app(Settings()).openapi()
    assert json.dumps(again) == json.dumps(document)


def test_request_examples_are_given(document: dict[str, Any]) -> None:
    job = document["components"]["schemas"]["JobCreate"]
    assert len(job["examples"]) >= 2
    body = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]
    assert body.keys() == {"application/json", "application/x-ndjson", "multipart/form-data"}
