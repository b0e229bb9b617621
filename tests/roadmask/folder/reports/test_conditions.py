"""Conditions on shares: what they mean, and how they are refused."""

from __future__ import annotations

import pytest

from roadmask.errors import ConditionUnclear
from roadmask.folder.reports.conditions import parse_condition

STREET = {"flat": 0.4, "sky": 0.08, "human": 0.01, "vehicle": 0.2, "nature": 0.31}


@pytest.mark.parametrize(
    "text",
    [
        "human > 0.5% and sky < 10%",
        "human>0.005 AND Sky<.1",
        "human > 0.5 % or sky > 90%",
        "5% < sky < 10%",
        "0% < human <= 1%",
        "not sky > 10%",
        "not not flat = 0.4",
        "not (sky > 10% or human > 2%)",
        "flat > vehicle",
        "object = 0",
        "object != 0 or vehicle >= 20%",
        # `and` binds closer than `or`, `not` closer than both.
        "flat > 10% or sky > 50% and human > 50%",
        "not sky > 50% and flat > 10%",
        "(flat > 90% or vehicle == 20%) and 1 > flat",
    ],
)
def test_what_holds(text: str) -> None:
    assert parse_condition(text)(STREET) is True
    assert parse_condition(f"not ({text})")(STREET) is False


@pytest.mark.parametrize(
    ("text", "word", "why"),
    [
        ("humans > 1%", "humans", "did you mean `human`"),
        ("sky < 5% and dog > 1%", "dog", "there are void, flat"),
        ("sky > 5", "5", "for percent write `5%`"),
        ("sky > 120%", "120%", "at most 100%"),
        ("human", "", "expected a comparison"),
        ("human and sky > 1%", "and", "expected a comparison"),
        ("sky >", "", "expected a category or a number"),
        ("sky > and", "and", "expected a category or a number"),
        ("sky > 1% flat > 2%", "flat", "expected `and`, `or` or the end"),
        ("(sky > 1%", "", "closing bracket"),
        ("sky > 1%)", ")", "the end"),
        ("sky > 1% && flat > 1%", "&", "expected `and`"),
        ("sky > 0,5%", ",", "expected `and`"),
        ("__import__('os')", "__import__", "no such category"),
        ("", "", "expected a category"),
        ("(" * 21 + "sky > 1%" + ")" * 21, "(", "more than 20 brackets"),
    ],
)
def test_what_is_unclear_is_pointed_at(text: str, word: str, why: str) -> None:
    with pytest.raises(ConditionUnclear) as caught:
        parse_condition(text)
    message, shown, mark = caught.value.detail.split("\n")
    assert why in message
    assert shown == f"  {text}"
    at = mark.index("^") - 2
    assert text[at : at + len(word)] == word
    assert mark.count("^") == max(1, len(word))
