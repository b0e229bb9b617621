"""Conditions on the figures of a mask: `human > 0.5% and sky < 10%`.

A folder run knows the shares of the categories. The service also knows scores and confidence, and
evaluates a condition over columns of many items at once:

    condition  = both { "or" both }
    both       = part { "and" part }
    part       = { "not" } ( "(" condition ")" | comparison )
    comparison = figure sign figure { sign figure }     as in `5% < sky < 10%`
    figure     = name | number [ "%" ]                  a number without % is a fraction, 0 to 1
    sign       = "<" | "<=" | ">" | ">=" | "=" | "!="

Nothing is evaluated as Python. A condition that cannot be parsed raises `ConditionUnclear`, which
shows the condition with a mark below the word in question.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from itertools import pairwise
from typing import Any

from roadmask.errors import ConditionUnclear
from roadmask.masks.taxonomy import CITYSCAPES

Figures = Mapping[str, Any]
"""Figures by name, 0 to 1: floats for one image, or arrays for many images. A missing name stands
for 0. An unknown figure is NaN, and every comparison with it is false."""
Condition = Callable[[Figures], Any]
"""Whether an image with these figures matches; an array of bool for arrays."""
Figure = Callable[[Figures], Any]


def _differs(one: Any, other: Any) -> Any:
    # Unlike `!=`, this is false for NaN.
    return (one < other) | (one > other)


SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": _differs,
}
TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:\s*%)?)|(?P<word>[^\W\d][\w.-]*)|(?P<sign>[<>!=]=|[<>=])"
    r"|(?P<bracket>[()])|(?P<other>\S)"
)
MAX_DEPTH = 20
"""Most nested brackets."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the condition and its position."""

    kind: str | None
    text: str
    at: int


def parse_condition(text: str, names: Sequence[str] = CITYSCAPES.names) -> Condition:
    """Parse a condition on these figures. Raises `ConditionUnclear`."""
    parser = _Parser(text, names)
    condition = parser.condition()
    if parser.now.kind != "end":
        raise parser.unclear("expected `and`, `or` or the end")
    return condition


class _Parser:
    """Recursive descent: one method for each rule of the grammar."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self._text = text
        self._names = names
        tokens = [Token(m.lastgroup, m[0], m.start()) for m in TOKEN.finditer(text)]
        self._tokens = iter([*tokens, Token("end", "", len(text))])
        self._depth = 0
        self.now = next(self._tokens)

    def condition(self) -> Condition:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return _joined(operator.or_, parts)

    def unclear(self, why: str) -> ConditionUnclear:
        """The error, with a mark below the current token."""
        mark = " " * self.now.at + "^" * max(1, len(self.now.text))
        where = f"at {self.now.text!r}" if self.now.text else "at its end"
        return ConditionUnclear(
            f"The condition is not clear {where}: {why}.\n  {self._text}\n  {mark}"
        )

    def _both(self) -> Condition:
        parts = [self._part()]
        while self._take("and"):
            parts.append(self._part())
        return _joined(operator.and_, parts)

    def _part(self) -> Condition:
        negated = False
        while self._take("not"):
            negated = not negated
        part = self._bracket() if self.now.text == "(" else self._comparison()
        # `^ True` negates bools and arrays. `not` fails on arrays, `~` is wrong for a Python bool.
        return (lambda figures: part(figures) ^ True) if negated else part

    def _bracket(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.unclear(f"more than {MAX_DEPTH} brackets are open")
        self._step()
        inner = self.condition()
        if not self._take(")"):
            raise self.unclear("a closing bracket is missing")
        self._depth -= 1
        return inner

    def _comparison(self) -> Condition:
        figures, signs = [self._figure()], list[Callable[[Any, Any], Any]]()
        while self.now.kind == "sign" and self.now.text in SIGNS:
            signs.append(SIGNS[self._step().text])
            figures.append(self._figure())
        if not signs:
            raise self.unclear("expected a comparison here, as in `human > 0.5%`")

        def holds(given: Figures) -> Any:
            values = pairwise(figure(given) for figure in figures)
            pairs = zip(signs, values, strict=True)
            return reduce(operator.and_, (sign(*pair) for sign, pair in pairs))

        return holds

    def _figure(self) -> Figure:
        if self.now.kind == "number":
            value = self._number(self.now.text)
            self._step()
            return lambda _: value
        if self.now.kind != "word" or self.now.text.lower() in {"and", "or", "not"}:
            raise self.unclear("expected a category or a number")
        name = self.now.text.lower()
        if name not in self._names:
            close = get_close_matches(name, self._names, 1)
            hint = f"did you mean `{close[0]}`" if close else f"there are {', '.join(self._names)}"
            raise self.unclear(f"no such category; {hint}")
        self._step()
        return lambda figures: figures.get(name, 0.0)

    def _number(self, text: str) -> float:
        percent = text.endswith("%")
        value = float(text.rstrip("% ")) / (100 if percent else 1)
        if value > 1:
            hint = "a share is at most 100%" if percent else f"for percent write `{text}%`"
            raise self.unclear(f"{hint}; without % a share is 0 to 1")
        return value

    def _take(self, word: str) -> bool:
        found = self.now.text.lower() == word
        if found:
            self._step()
        return found

    def _step(self) -> Token:
        token, self.now = self.now, next(self._tokens, self.now)
        return token


def _joined(sign: Callable[[Any, Any], Any], parts: Sequence[Condition]) -> Condition:
    if len(parts) == 1:
        return parts[0]
    return lambda figures: reduce(sign, (part(figures) for part in parts))
