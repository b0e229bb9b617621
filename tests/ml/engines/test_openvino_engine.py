"""The memory of OpenVINO's engine: what it keeps for the next image, and what it gives back."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as op

from ml.engines import openvino_engine
from ml.engines.compiled import save_compiled
from ml.engines.openvino_engine import OTHER_BYTES, SIZE_BYTES, Compiled, OpenVINOEngine

CHANNELS = 64
"""Of the layer in the middle: 16 MB for an image of 256x256."""
SIDE = 256


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two convolutions of random weights, for images of any size."""
    random = np.random.default_rng(1)

    def convolution(value: ov.Output, channels: int, filters: int) -> ov.Node:
        weights = random.standard_normal((filters, channels, 3, 3), np.float32)
        return op.convolution(value, weights, [1, 1], [1, 1], [1, 1], [1, 1])

    image = op.parameter(ov.PartialShape([1, -1, -1, 3]), np.uint8)
    planes = op.transpose(op.convert(image, np.float32), np.array([0, 3, 1, 2]))
    middle = op.relu(convolution(planes, 3, CHANNELS))
    folder = tmp_path_factory.mktemp("network") / "float32"
    save_compiled(ov.Model([convolution(middle, CHANNELS, 7)], [image]), folder)
    return folder / "network.xml"


@pytest.fixture
def engine(network: Path) -> OpenVINOEngine:
    return OpenVINOEngine(network, "f32", range(1, 8))


def images(count: int, height: int = SIDE, width: int = SIDE) -> NDArray[np.uint8]:
    return np.random.default_rng(2).integers(0, 256, (count, height, width, 3), np.uint8)


def test_logits_belong_to_their_reader(engine: OpenVINOEngine) -> None:
    first, *others = images(6)
    (logits,) = engine.logits(first[None])
    kept = logits.copy()
    assert logits.shape == (7, SIDE, SIDE)
    for other in others:
        for _ in engine.logits(other[None]):
            pass
    np.testing.assert_array_equal(logits, kept)


def test_a_lone_image_has_the_logits_that_it_has_beside_others(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_engine, "cores", lambda: 2)
    engine = OpenVINOEngine(network, "f32", range(1, 8))
    batch = images(4)
    together = [logits.tobytes() for logits in engine.logits(batch)]
    for image, expected in zip(batch, together, strict=True):
        (lone,) = engine.logits(image[None])
        assert lone.tobytes() == expected


def test_only_a_lone_image_is_shared_by_the_cores(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_engine, "cores", lambda: 2)
    engine = OpenVINOEngine(network, "f32", range(1, 8))
    compiled: list[int] = []
    compile_size = engine._compile

    def compile_counted(height: int, width: int, streams: int) -> Compiled:
        compiled.append(streams)
        return compile_size(height, width, streams)

    monkeypatch.setattr(engine, "_compile", compile_counted)
    first = engine.logits(images(1))
    next(first)
    assert compiled == [1]
    assert len(list(engine.logits(images(1)))) == 1
    assert compiled == [1, 2], "the first one still runs"
    assert list(first) == []
    assert len(list(engine.logits(images(1)))) == 1
    assert len(list(engine.logits(images(3)))) == 3
    assert compiled == [1, 2], "both are kept"


def test_one_core_compiles_a_size_once(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_engine, "cores", lambda: 1)
    engine = OpenVINOEngine(network, "f32", range(1, 8))
    for count in engine.warm_batches:
        assert len(list(engine.logits(images(count, 32, 32)))) == count
    [networks] = engine._compiled.values()
    assert len(networks) == 1


def test_a_size_that_rests_gives_back_its_memory_and_computes_the_same(
    engine: OpenVINOEngine,
) -> None:
    batch = images(engine.max_concurrency)
    expected = [logits.tobytes() for logits in engine.logits(batch)]
    before = resident_bytes()
    engine.release_memory(rest_s=0)
    layer = CHANNELS * SIDE * SIDE * 4
    assert resident_bytes() < before - layer / 2
    engine.release_memory(rest_s=0)
    assert [logits.tobytes() for logits in engine.logits(batch)] == expected


def test_a_size_that_is_in_use_or_was_so_lately_keeps_its_memory(
    engine: OpenVINOEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed: list[bool] = []
    monkeypatch.setattr(openvino_engine, "trim_heap", lambda: trimmed.append(True))
    running = engine.logits(images(3))
    begun = next(running).copy()
    engine.release_memory(rest_s=0)
    assert trimmed == []
    assert len([begun, *running]) == 3
    engine.release_memory(rest_s=60)
    assert trimmed == []
    engine.release_memory(rest_s=0)
    assert trimmed == [True]


def test_what_was_freed_goes_back_to_the_system_once_and_before_the_layers(
    engine: OpenVINOEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed: list[bool] = []
    monkeypatch.setattr(openvino_engine, "trim_heap", lambda: trimmed.append(True))
    monkeypatch.setattr(openvino_engine, "TRIM_S", 0.0)
    for after in (1, 2):
        assert len(list(engine.logits(images(3)))) == 3
        for _ in range(2):
            engine.release_memory(rest_s=60)
            assert len(trimmed) == after


def test_the_size_that_was_used_longest_ago_leaves(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_engine, "memory_bytes", lambda: OTHER_BYTES + 2 * SIZE_BYTES)
    engine = OpenVINOEngine(network, "f32", range(1, 8))
    compiled: list[int] = []
    compile_size = engine._compile

    def compile_counted(height: int, width: int, streams: int) -> Compiled:
        compiled.append(width)
        return compile_size(height, width, streams)

    monkeypatch.setattr(engine, "_compile", compile_counted)
    for width in (32, 64, 32, 96, 32, 64):
        for _ in engine.logits(images(1, 32, width)):
            pass
    assert compiled == [32, 64, 96, 64]
