"""Decoding in processes of their own: the same pixels and errors; no fault reaches the worker."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from roadmask.errors import DeadlineExceeded, DecoderCrashed, RoadmaskError, Unavailable
from roadmask.images.decoding import decode
from tests.harness.images.worker_images import BAD, GOOD, png
from tests.harness.waiting import PATIENCE_S, wait_until
from tests.harness.worker.poison import POISON_WIDTH, command
from worker.pipeline import sandbox as sandbox_module
from worker.pipeline.sandbox import Sandbox

PIXELS = 50_000_000
POISON = png(width=POISON_WIDTH)
ROOT = Path(__file__).parents[3]

DIES_AT_WORK = """
import os, pathlib, socket, sys
dead = pathlib.Path(sys.argv[1])
if dead.exists():
    os.execv(sys.executable, sys.argv[2:])
dead.touch()
_, [request], _, _ = socket.recv_fds(socket.socket(fileno=0), 1, 1)
_, [image, result], _, _ = socket.recv_fds(socket.socket(fileno=request), 4096, 2)
os.read(image, 1_000_000)
os.write(result, b"half of a result" * 1000)
"""
"""A server that dies the first time, after it has read the image and begun the result."""

Open = Callable[..., Sandbox]


@pytest.fixture
def open_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open a sandbox whose decoder meets a fault in `POISON`."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with ExitStack() as exits:

        def open_one(fault: str = "hang", seconds: float = PATIENCE_S) -> Sandbox:
            monkeypatch.setattr(sandbox_module, "COMMAND", command(fault))
            sandbox = Sandbox(PIXELS, seconds)
            exits.callback(sandbox.stop)
            return sandbox

        yield open_one


def children(process: int) -> list[int]:
    """The processes that a process has started."""
    tasks = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in tasks.split()]


def server(sandbox: Sandbox) -> int:
    """The process id of the sandbox's server."""
    assert sandbox._server is not None
    return sandbox._server.pid


def test_the_pixels_are_the_same(open_sandbox: Open) -> None:
    sandbox, data = open_sandbox(), GOOD["turned"]
    assert sandbox.size(data) == (48, 32)
    for least, shape in ((48, 32), (48, 32, 3)), ((24, 16), (24, 16, 3)):
        pixels = sandbox.decode(data, least).pixels
        assert pixels.shape == shape
        np.testing.assert_array_equal(pixels, decode(data, PIXELS, least))


def test_a_refused_image_raises_the_same_error(open_sandbox: Open) -> None:
    sandbox = open_sandbox()
    for name, (data, code) in BAD.items():
        with pytest.raises(RoadmaskError) as raised:
            sandbox.decode(data, (1, 1))
        assert raised.value.code == code, name
    with pytest.raises(RoadmaskError, match="empty"):
        sandbox.size(b"")


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("abort", "killed by SIGABRT"),
        ("exit-0", "exited with 0"),
        ("system-exit", "exited with 1"),
        ("memory", "ran out of memory"),
    ],
)
def test_a_decoder_that_dies_is_named_as_the_cause(
    open_sandbox: Open, fault: str, cause: str
) -> None:
    sandbox = open_sandbox(fault)
    with pytest.raises(DecoderCrashed, match=f"The decoder died on this image .*{cause}"):
        sandbox.decode(POISON, (1, 1))
    before = server(sandbox)
    assert sandbox.decode(png(), (1, 1)).pixels.shape == (32, 48, 3)
    assert server(sandbox) == before, "the server survives its images"


@pytest.mark.parametrize("fault", ["hang", "hang-with-lock"])
def test_a_decoder_that_hangs_is_killed_and_delays_no_other(open_sandbox: Open, fault: str) -> None:
    sandbox = open_sandbox(fault, 1.0)
    sandbox.size(png())
    with ThreadPoolExecutor(1) as thread:
        hanging = thread.submit(sandbox.decode, POISON, (1, 1))
        wait_until(lambda: children(server(sandbox)))
        assert sandbox.decode(png(), (1, 1)).pixels.shape == (32, 48, 3)
        assert not hanging.done()
        with pytest.raises(DeadlineExceeded):
            hanging.result(PATIENCE_S)
    wait_until(lambda: not children(server(sandbox)))


def test_the_time_limit_starts_with_the_decoder_not_with_the_server(
    open_sandbox: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = ["/bin/sh", "-c", f"sleep 1; exec {' '.join(command('hang'))} $0"]
    sandbox = open_sandbox(seconds=0.9)
    monkeypatch.setattr(sandbox_module, "COMMAND", slow)
    assert sandbox.decode(png(), (1, 1)).pixels.shape == (32, 48, 3)


def test_images_are_decoded_at_the_same_time(open_sandbox: Open) -> None:
    sandbox = open_sandbox()
    with ThreadPoolExecutor(4) as threads:
        pixels = list(threads.map(lambda n: sandbox.decode(png(n), (1, 1)).pixels, range(12)))
    for n, found in enumerate(pixels):
        np.testing.assert_array_equal(found, decode(png(n), PIXELS))


def test_a_server_that_was_killed_is_replaced_and_its_image_dies_with_it(
    open_sandbox: Open,
) -> None:
    sandbox = open_sandbox()
    sandbox.size(png())
    first = server(sandbox)
    with ThreadPoolExecutor(1) as thread:
        lost = thread.submit(sandbox.decode, POISON, (1, 1))
        [child] = wait_until(lambda: children(first))
        os.kill(first, signal.SIGKILL)
        # The server may have had no time to say that the work has started.
        with pytest.raises((DecoderCrashed, Unavailable)):
            lost.result(PATIENCE_S)
    assert sandbox.size(png()) == (32, 48)
    assert server(sandbox) != first
    wait_until(lambda: not Path(f"/proc/{child}").exists() or is_zombie(child))


def test_an_image_is_whole_for_the_server_after_one_that_died_at_work(
    open_sandbox: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sandbox = open_sandbox()
    first = [sys.executable, "-c", DIES_AT_WORK, str(tmp_path / "dead")]
    monkeypatch.setattr(sandbox_module, "COMMAND", first + sandbox_module.COMMAND)
    np.testing.assert_array_equal(sandbox.decode(png(), (1, 1)).pixels, decode(png(), PIXELS))
    assert (tmp_path / "dead").exists()


def is_zombie(process: int) -> bool:
    return ") Z " in Path(f"/proc/{process}/stat").read_text()


def test_a_sandbox_that_does_not_start_blames_no_image(
    open_sandbox: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = open_sandbox()
    monkeypatch.setattr(sandbox_module, "COMMAND", ["/bin/false"])
    with pytest.raises(Unavailable, match="sandbox"):
        sandbox.decode(png(), (1, 1))


def test_a_warm_sandbox_needs_no_new_interpreter(open_sandbox: Open) -> None:
    sandbox = open_sandbox()
    start = time.perf_counter()
    sandbox.size(png())
    cold = time.perf_counter() - start
    warm = []
    for _ in range(5):
        start = time.perf_counter()
        sandbox.size(png())
        warm.append(time.perf_counter() - start)
    assert min(warm) < cold / 3
