"""The server of the sandbox: `python -m worker.pipeline.sandbox_server MAX_PIXELS`.

It loads the decoders once, then forks for each request. Its stdin is a Unix socket. Each request
arrives there as one byte, with a second socket for this request alone. On the second socket the
client sends JSON and 2 file descriptors: the image, and an empty file for the result. The server
answers `STARTED` as soon as the work starts. When the forked process has ended, it sends the
verdict of the process, if there is one, and its wait status. A client that closes its socket
earlier cancels its request.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, BinaryIO, NoReturn, Self

import numpy as np

from roadmask.errors import RoadmaskError
from roadmask.images.decoders.opencv import opencv
from roadmask.images.decoding import decode, decode_sniffed, encode_png
from roadmask.images.sniffing import sniff
from roadmask.parent_death import signal_at_parent_death
from roadmask.schemas.pixels import Pixels

STARTED = b"started\n"
DONE, REFUSED, OUT_OF_MEMORY = b"D", b"R", b"M"
"""Verdicts: the result was written; a `RoadmaskError` was written as JSON; memory ran out.

A process that ends without a verdict has crashed, whatever its exit code."""
LIBRARIES_BYTES = 2**31
"""Address space for the libraries."""
BYTES_PER_PIXEL = 24
"""Address space for an image: 16-bit RGB, its 8-bit conversion, and intermediate copies."""
OPTIONAL_DECODERS = ("tifffile", "pi_heif")
"""Modules that the server imports if they are installed, so that no image waits for them."""
MAX_REQUEST_BYTES = 4096


@dataclass(eq=False)
class Work:
    """A request, and the process that was forked for it."""

    client: socket.socket
    process: int
    verdict: BinaryIO
    """A pipe, readable as soon as there is a verdict or the process has ended."""

    @classmethod
    def start(cls, client: socket.socket, max_pixels: int) -> Self:
        """Receive the request on the socket `client`, and fork a process for it."""
        request, (image, result), _, _ = socket.recv_fds(client, MAX_REQUEST_BYTES, 2)
        verdict, writer = os.pipe()
        server = os.getpid()
        process = os.fork()
        if process == 0:
            signal_at_parent_death(signal.SIGKILL, server)
            client.close()
            _work(json.loads(request), image, result, writer, max_pixels)
        for descriptor in (writer, image, result):
            os.close(descriptor)
        with suppress(OSError):
            client.sendall(STARTED)
        return cls(client, process, os.fdopen(verdict, "rb"))

    def end(self, cancel: bool) -> None:
        """Wait for the process, killed first if `cancel`, and send its verdict and status."""
        with self.client, self.verdict:
            if cancel:
                os.kill(self.process, signal.SIGKILL)
            _, status = os.waitpid(self.process, 0)
            with suppress(OSError):
                self.client.sendall(b"%b%d\n" % (self.verdict.read(1), status))


def main() -> None:
    """Serve until the worker closes the connection or dies."""
    max_pixels = int(sys.argv[1])
    # Threads of the decoders would not survive the fork.
    opencv(max_pixels).setNumThreads(1)
    decode(encode_png(np.zeros((1, 1, 3), np.uint8)), max_pixels)
    for name in OPTIONAL_DECODERS:
        with suppress(ImportError):
            import_module(name)
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as connection:
        # Otherwise forked processes would keep the connection open after the server's death.
        os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
        _serve(connection, max_pixels)


def _serve(connection: socket.socket, max_pixels: int) -> None:
    running: list[Work] = []
    while True:
        waiting: list[Any] = [connection]
        for work in running:
            waiting += work.client, work.verdict
        ready = set(select.select(waiting, [], [])[0])
        for work in [work for work in running if ready & {work.client, work.verdict}]:
            running.remove(work)
            # A client sends nothing while it waits: a readable socket was closed.
            work.end(cancel=work.client in ready)
        if connection in ready:
            request, sockets, _, _ = socket.recv_fds(connection, 1, 1)
            if not request:
                break
            running.append(Work.start(socket.socket(fileno=sockets[0]), max_pixels))
    for work in running:
        work.end(cancel=True)


def _work(
    request: dict[str, Any], image: int, result: int, verdict: int, max_pixels: int
) -> NoReturn:
    """Do the work of a request in the forked process, and end the process."""
    try:
        limit = LIBRARIES_BYTES + BYTES_PER_PIXEL * max_pixels
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with os.fdopen(image, "rb") as file, os.fdopen(result, "wb") as out:
            found = _answer(request, file.read(), out, max_pixels)
        os.write(verdict, found)
    except MemoryError:
        os.write(verdict, OUT_OF_MEMORY)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def _answer(request: dict[str, Any], data: bytes, out: BinaryIO, max_pixels: int) -> bytes:
    """Write the result of a request, and return the verdict."""
    try:
        facts = sniff(data, max_pixels)
        if request["call"] == "size":
            out.write(json.dumps([facts.height, facts.width]).encode())
        else:
            height, width = request["min_size"]
            pixels = Pixels.model_validate(request["pixels"])
            decoded = decode_sniffed(data, facts, max_pixels, (height, width), pixels)
            np.save(out, decoded.pixels, allow_pickle=False)
            out.write(json.dumps(decoded.warnings).encode())
        return DONE
    except RoadmaskError as error:
        out.write(json.dumps(error.problem()).encode())
        return REFUSED


if __name__ == "__main__":
    main()
