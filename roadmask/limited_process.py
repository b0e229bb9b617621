"""A child process that decodes untrusted files, with a limit on its memory and its time.

`python -m roadmask.limited_process MODULE` runs the functions in `MODULE.FUNCTIONS`, one call at a
time. A file that makes a decoder crash, hang or exhaust memory ends only this process, and the next
call starts another. Bytes go through pipes and are never unpickled.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import IO, Any

from roadmask import memory_limit
from roadmask.errors import DeadlineExceeded, ImageUnreadable, RoadmaskError, error_classes
from roadmask.python_command import python_command

IDLE_S = 60.0
"""Seconds without a call after which the process ends, to free its memory."""
NICENESS = 10
TOO_MUCH_MEMORY = (
    "Decoding the image takes far more memory than its size justifies. Save it again and upload "
    "the copy."
)
_LENGTH = 4
"""Bytes of the length of a block. A block of length 0 ends a part."""
_BLOCK = 2**20


class LimitedProcess:
    """Calls functions of a module in a process of its own, which starts with the first call."""

    def __init__(self, module: str, seconds: float) -> None:
        self._module = module
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._idle: threading.Timer | None = None

    def call(self, function: str, *parts: Iterable[bytes], **options: Any) -> bytes:
        """Call `function(*parts, **options)` in the process and return its result.

        A part is sent as blocks, and `function` gets them joined, as one `bytes`.

        Raises the `RoadmaskError` that the function raises, `ImageUnreadable` if the process
        crashes, `DeadlineExceeded` if the call takes too long, and whatever a part raises.
        """
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            try:
                return self._call(function, parts, options)
            finally:
                self._idle = threading.Timer(IDLE_S, self.close)
                self._idle.daemon = True
                self._idle.start()

    def close(self) -> None:
        """End the process. A later call starts it again."""
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            self._end()

    def _call(
        self, function: str, parts: Sequence[Iterable[bytes]], options: dict[str, Any]
    ) -> bytes:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            process.kill()

        timer = threading.Timer(self._seconds, end)
        timer.start()
        try:
            head = {"function": function, "options": options, "parts": len(parts)}
            _write(process.stdin, [json.dumps(head).encode()])
            for part in parts:
                _write(process.stdin, part)
            process.stdin.flush()
            answer = json.loads(_read(process.stdout))
            data = _read(process.stdout)
        except (EOFError, BrokenPipeError):
            self._end()
            if is_late.is_set():
                raise DeadlineExceeded(
                    f"Decoding the image took more than {self._seconds:.0f} s. Save it again and "
                    "upload the copy."
                ) from None
            raise ImageUnreadable(
                "The decoder crashed on this image. Save it again and upload the copy."
            ) from None
        except BaseException:
            # The process would read the next call as the rest of this unfinished one.
            self._end()
            raise
        finally:
            timer.cancel()
        if problem := answer.get("problem"):
            raise error_classes()[problem["code"]](problem["detail"])
        return data

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                python_command("roadmask.limited_process", self._module),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        process.wait()


def _environment() -> dict[str, str]:
    """The environment of this process, without OpenCV's limit on pixels: `sniff` checks ours."""
    inherited = {k: v for k, v in os.environ.items() if k != "OPENCV_IO_MAX_IMAGE_PIXELS"}
    # Threads of NumPy's BLAS would use up the limited address space.
    return {**inherited, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def main() -> None:
    """Serve calls from stdin until it is closed."""
    memory_limit.enable()
    # On a machine with all cores busy, the requests of others come first.
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    functions = import_module(sys.argv[1]).FUNCTIONS
    # Text that a library prints must not mix with the answers on stdout.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        while True:
            _serve(functions, sys.stdin.buffer, answers)


def _serve(functions: dict[str, Any], calls: IO[bytes], answers: IO[bytes]) -> None:
    head = json.loads(_read(calls))
    parts = [_read(calls) for _ in range(head["parts"])]
    data, answer = b"", {}
    try:
        data = functions[head["function"]](*parts, **head["options"])
    except RoadmaskError as error:
        answer = {"problem": error.problem()}
    except MemoryError:
        answer = {"problem": ImageUnreadable(TOO_MUCH_MEMORY).problem()}
    memory_limit.free()
    _write(answers, [json.dumps(answer).encode()])
    _write(answers, [data])
    answers.flush()


def _write(pipe: IO[bytes], blocks: Iterable[bytes]) -> None:
    for block in blocks:
        for start in range(0, len(block), _BLOCK):
            piece = block[start : start + _BLOCK]
            pipe.write(len(piece).to_bytes(_LENGTH, "little"))
            pipe.write(piece)
    pipe.write(bytes(_LENGTH))


def _read(pipe: IO[bytes]) -> bytes:
    blocks = []
    while length := int.from_bytes(_exactly(pipe, _LENGTH), "little"):
        blocks.append(_exactly(pipe, length))
    return b"".join(blocks)


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data


if __name__ == "__main__":
    main()
