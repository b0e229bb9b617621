"""Interruption: Ctrl-C and SIGTERM as a wish that is asked for, instead of a crash."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

import click


class Interruption:
    """While it is open the first signal is only noted; a second one ends the process at once."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        """Whether there was a signal."""
        return self._asked

    def __enter__(self) -> Interruption:
        signals = (signal.SIGINT, signal.SIGTERM)
        self._before = {each: signal.signal(each, self._note) for each in signals}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        for each in self._before:
            signal.signal(each, signal.SIG_DFL)
        click.echo("Stopping at the next step; once more to stop at once.", err=True)
