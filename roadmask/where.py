"""Conditions on what a mask shows, as people write them: `human > 0.5% and sky < 10%`.

    condition  = both { "or" both }
    both       = part { "and" part }
    part       = { "not" } ( "(" condition ")" | comparison )
    comparison = share sign share { sign share }        as in `5% < sky < 10%`
    share      = category | number [ "%" ]              a number without % is a fraction, 0 to 1
    sign       = "<" | "<=" | ">" | ">=" | "=" | "!="

Nothing is ever evaluated as Python. What cannot be understood raises `ConditionUnclear`, which
shows the condition with a mark below the word in question.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise

from roadmask.categories import CITYSCAPES, Taxonomy
from roadmask.errors import ConditionUnclear

Shares = Mapping[str, float]
Condition = Callable[[Shares], bool]
"""Tells whether an image's shares (category to 0..1; absent means 0) are as wanted."""
Share = Callable[[Shares], float]

SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:\s*%)?)|(?P<word>[^\W\d][\w-]*)|(?P<sign>[<>!=]=|[<>=])"
    r"|(?P<bracket>[()])|(?P<other>\S)"
)
DEEPEST = 20
"""Brackets within brackets."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the condition and where it stands."""

    kind: str | None
    text: str
    at: int


def parse_condition(text: str, taxonomy: Taxonomy = CITYSCAPES) -> Condition:
    """The condition that `text` says. Raises `ConditionUnclear`."""
    parser = _Parser(text, taxonomy)
    condition = parser.condition()
    if parser.now.kind != "end":
        raise parser.unclear("expected `and`, `or` or the end")
    return condition


class _Parser:
    """Recursive descent over the tokens, one method for each rule of the grammar."""

    def __init__(self, text: str, taxonomy: Taxonomy) -> None:
        self._text = text
        self._names = taxonomy.names
        tokens = [Token(m.lastgroup, m[0], m.start()) for m in TOKEN.finditer(text)]
        self._tokens = iter([*tokens, Token("end", "", len(text))])
        self._depth = 0
        self.now = next(self._tokens)

    def condition(self) -> Condition:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda shares: any(part(shares) for part in parts)

    def unclear(self, why: str) -> ConditionUnclear:
        """The error, with a mark below the token in hand."""
        mark = " " * self.now.at + "^" * max(1, len(self.now.text))
        where = f"at {self.now.text!r}" if self.now.text else "at its end"
        return ConditionUnclear(
            f"The condition is not clear {where}: {why}.\n  {self._text}\n  {mark}"
        )

    def _both(self) -> Condition:
        parts = [self._part()]
        while self._take("and"):
            parts.append(self._part())
        return parts[0] if len(parts) == 1 else lambda shares: all(part(shares) for part in parts)

    def _part(self) -> Condition:
        wanted = True
        while self._take("not"):
            wanted = not wanted
        part = self._bracket() if self.now.text == "(" else self._comparison()
        return part if wanted else lambda shares: not part(shares)

    def _bracket(self) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self.unclear(f"more than {DEEPEST} brackets are open")
        self._step()
        inner = self.condition()
        if not self._take(")"):
            raise self.unclear("a closing bracket is missing")
        self._depth -= 1
        return inner

    def _comparison(self) -> Condition:
        shares, signs = [self._share()], list[Callable[[float, float], bool]]()
        while self.now.kind == "sign" and self.now.text in SIGNS:
            signs.append(SIGNS[self._step().text])
            shares.append(self._share())
        if not signs:
            raise self.unclear("expected a comparison here, as in `human > 0.5%`")

        def holds(given: Shares) -> bool:
            values = pairwise(share(given) for share in shares)
            return all(sign(*pair) for sign, pair in zip(signs, values, strict=True))

        return holds

    def _share(self) -> Share:
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
        return lambda shares: shares.get(name, 0.0)

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
