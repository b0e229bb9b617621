"""Interruption: Ctrl-C and SIGTERM as a request to stop, which the program polls."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

import click


class Interruption:
    """While it is open, the first signal only sets a flag. A second one ends the process."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        """True after a signal."""
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
