"""The sandbox: a process for each image that is suspected of having crashed a worker.

`worker.pipeline.sandbox_server` loads the decoders once and forks for each image. The process is
ready at once, has seen no earlier image, and has limited memory. A damaged image that makes the
decoder crash, hang or exhaust memory ends only that process.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import DeadlineExceeded, DecoderCrashed, Unavailable, error_classes
from roadmask.images.decoding import Decoded
from roadmask.python_command import python_command
from roadmask.schemas.pixels import AS_STORED, Pixels
from worker.memory_file import memory_file
from worker.pipeline.sandbox_server import DONE, OUT_OF_MEMORY, REFUSED, STARTED

COMMAND = python_command("worker.pipeline.sandbox_server")
START_S = 60.0
"""Longest wait until the server accepts a request, seconds."""


class _NotStarted(Exception):
    """The server did not accept a request."""


class Sandbox:
    """Sniffs and decodes images, each in a process of its own, for at most `seconds`.

    `size` and `decode` also raise `DecoderCrashed` if the process dies, `DeadlineExceeded` if it
    takes too long, and `Unavailable` if the sandbox itself does not start.
    """

    def __init__(self, max_pixels: int, seconds: float) -> None:
        self._max_pixels = max_pixels
        self._seconds = seconds
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None

    def start(self) -> None:
        """Start the server without waiting for it. Otherwise the first image starts it."""
        with self._lock:
            self._connect()

    def stop(self) -> None:
        """End the server, and all work in progress."""
        with self._lock:
            self._end()

    def size(self, data: bytes) -> tuple[int, int]:
        """(height, width) of an image that `roadmask.images.sniffing.sniff` accepts."""
        with self._call(data, call="size") as result:
            height, width = json.load(result)
            return height, width

    def decode(self, data: bytes, min_size: tuple[int, int], pixels: Pixels = AS_STORED) -> Decoded:
        """Call `roadmask.images.decoding.decode_sniffed`."""
        with self._call(data, call="decode", min_size=min_size, pixels=pixels.given()) as result:
            decoded: NDArray[np.uint8] = np.load(result, allow_pickle=False)
            return Decoded(decoded, json.load(result))

    @contextmanager
    def _call(self, data: bytes, **request: object) -> Iterator[BinaryIO]:
        """Send a request to the server; yield the file with its result."""
        with memory_file() as image, memory_file() as result:
            image.write(data)
            verdict, status = self._run(json.dumps(request), image, result)
            result.seek(0)
            if verdict == REFUSED:
                problem = json.load(result)
                raise error_classes()[problem["code"]](problem["detail"])
            if verdict != DONE:
                cause = "it ran out of memory" if verdict == OUT_OF_MEMORY else _cause(status)
                raise DecoderCrashed(
                    f"The decoder died on this image ({cause}). Save the image again and upload "
                    "the copy."
                )
            yield result

    def _run(self, request: str, image: BinaryIO, result: BinaryIO) -> tuple[bytes, int]:
        """Verdict and wait status of the process that handled a request."""
        # A server that died while it was idle is detected, and replaced, by the next request.
        for _ in range(2):
            # A failed first try may have moved the file positions, which all processes share.
            image.seek(0)
            result.seek(0)
            result.truncate()
            with suppress(_NotStarted):
                return self._try(request, [image.fileno(), result.fileno()])
            self.stop()
        raise Unavailable("The sandbox, in which suspected images are decoded, does not start.")

    def _try(self, request: str, files: list[int]) -> tuple[bytes, int]:
        """Raises `_NotStarted` if the server does not accept the request."""
        started = False
        with ExitStack() as stack:
            try:
                own, other = (stack.enter_context(end) for end in socket.socketpair())
                own.settimeout(START_S)
                socket.send_fds(own, [request.encode()], files)
                with self._lock, other:
                    socket.send_fds(self._connect(), [b"!"], [other.fileno()])
                answers = stack.enter_context(own.makefile("rb"))
                started = answers.readline() == STARTED
                own.settimeout(self._seconds)
                answer = answers.readline()
                verdict = answer.rstrip(b"0123456789\n")
                return verdict, int(answer.removeprefix(verdict))
            except TimeoutError:
                if started:
                    raise DeadlineExceeded(
                        f"Decoding the image took more than {self._seconds:g} s. Save it again "
                        "and upload the copy."
                    ) from None
            except (OSError, ValueError):
                # The server was killed. If the work had started, the image may be the cause.
                if started:
                    return b"", signal.SIGKILL
        raise _NotStarted

    def _connect(self) -> socket.socket:
        """The connection to the server. Starts the server unless it runs."""
        if self._server is not None and self._server.poll() is not None:
            self._end()
        if self._connection is None:
            self._connection, other = socket.socketpair()
            with other:
                self._server = subprocess.Popen(
                    [*COMMAND, str(self._max_pixels)],
                    stdin=other.fileno(),
                    stdout=subprocess.DEVNULL,
                    # NumPy's BLAS threads would use up the limited address space.
                    env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                    # Ctrl-C in a terminal is for the worker, which finishes its images first.
                    start_new_session=True,
                )
        return self._connection

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._server is not None:
            try:
                self._server.wait(1)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._connection = self._server = None


def _cause(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"it exited with {code}"
