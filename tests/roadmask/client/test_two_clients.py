"""The two clients have the same calls, with the same arguments and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Iterator
from typing import get_origin, get_type_hints

import pytest

from roadmask import AsyncClient, Client
from roadmask.client.calls.job_request import JobOptions
from roadmask.schemas.jobs import JobCreate

ASYNC_ONLY = {"pages"}
"""Steps of the calls that only the shared code needs."""
CALLS = sorted(
    name
    for name, _ in inspect.getmembers(AsyncClient, inspect.isfunction)
    if not name.startswith("_") and name not in ASYNC_ONLY
)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_takes_and_gives_the_same(name: str) -> None:
    ours, theirs = getattr(Client, name), getattr(AsyncClient, name)
    mine, other = inspect.signature(ours), inspect.signature(theirs)
    assert mine.parameters == other.parameters
    hints, others = get_type_hints(ours), get_type_hints(theirs)
    given, awaited = hints.pop("return"), others.pop("return")
    assert hints == others
    if get_origin(awaited) is AsyncGenerator:
        assert get_origin(given) is Iterator
        assert given.__args__[0] == awaited.__args__[0]
    else:
        assert given == awaited


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_explained_in_the_same_words(name: str) -> None:
    assert inspect.getdoc(getattr(Client, name)) == inspect.getdoc(getattr(AsyncClient, name))


def test_the_blocking_client_has_no_calls_of_its_own() -> None:
    own = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if name[0] != "_"}
    assert own == set(CALLS)


def test_submit_takes_every_member_of_a_request() -> None:
    assert JobOptions.__optional_keys__ | {"images"} == JobCreate.model_fields.keys()
