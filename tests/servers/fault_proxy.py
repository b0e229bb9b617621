"""A TCP proxy between a service and its Redis or object store that breaks connections on demand."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from enum import Enum
from threading import Thread
from typing import Self

from tests.servers.process import HOST, free_port

BLOCK = 65536
SLOW_S = 1.0
"""Pause before each block of an answer in `Mode.SLOW`, seconds."""
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Mode(Enum):
    """What the proxy does with connections, old and new."""

    PASS = "pass"
    REFUSE = "refuse"
    """Nothing listens, and open connections are reset."""
    RESET = "reset"
    """A connection is accepted and reset."""
    HOLE = "hole"
    """Nothing arrives on either side; it arrives when the fault ends, as TCP would repeat it."""
    MUTE = "mute"
    """Requests arrive and answers are lost; the connection is reset when the fault ends."""
    SLOW = "slow"
    """Each block of an answer waits."""
    HTTP_503 = "503"
    """Every HTTP request is answered with 503."""


class FaultProxy:
    """A context that listens on `port` and forwards to `target_port` of this machine."""

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self._target_port = target_port
        self._mode = Mode.PASS
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def set_mode(self, mode: Mode) -> None:
        """Begin or end a fault."""
        self._call(self._set_mode(mode))

    def cut(self) -> None:
        """Reset all connections once, as a fail-over or an idle time-out does."""
        self._call(self._cut())

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)  # type: ignore[arg-type]

    async def _set_mode(self, mode: Mode) -> None:
        ended, self._mode = self._mode, mode
        if mode is Mode.REFUSE:
            await self._stop_listening()
        elif self._server is None:
            await self._listen()
        if mode in (Mode.REFUSE, Mode.RESET, Mode.HTTP_503) or ended is Mode.MUTE:
            await self._cut()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _cut(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    async def _close(self) -> None:
        await self._stop_listening()
        await self._cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode is Mode.RESET:
            return _reset(writer)
        if self._mode is Mode.HTTP_503:
            await reader.read(BLOCK)
            writer.write(UNAVAILABLE)
            return writer.close()
        try:
            from_target, to_target = await asyncio.open_connection(HOST, self._target_port)
        except OSError:
            return _reset(writer)
        ends = {writer, to_target}
        self._writers |= ends
        try:
            await asyncio.gather(
                self._pump(reader, to_target, is_answer=False),
                self._pump(from_target, writer, is_answer=True),
            )
        finally:
            self._writers -= ends
            for end in ends:
                end.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(BLOCK):
                while self._mode is Mode.HOLE:
                    await asyncio.sleep(0.05)
                if is_answer and self._mode is Mode.MUTE:
                    continue
                if is_answer and self._mode is Mode.SLOW:
                    await asyncio.sleep(SLOW_S)
                writer.write(data)
                await writer.drain()
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST instead of FIN."""
    with suppress(OSError):
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
