"""The function file for CVAT's program, called and checked as CVAT's own SDK does it."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import cvat_sdk.auto_annotation as cvataa
import numpy as np
import pytest
from cvat_sdk import models
from cvat_sdk.auto_annotation import driver
from cvat_sdk.masks import decode_mask
from PIL import Image

from roadmask import Client
from roadmask.errors import ServiceUnreachable, Unauthorized
from roadmask.settings import Settings
from tests.harness.api.fixtures import api, busy_worker, empty_api, store, worker
from tests.harness.api.fixtures import settings as keyless
from tests.harness.api.server import ApiServer
from tests.harness.worker.fake_worker import CONFIDENCE, SIZE, FakeWorker
from tests.servers.process import HOST, free_port

__all__ = ["api", "busy_worker", "empty_api", "keyless", "store", "worker"]

FILE = Path(__file__).parents[2] / "deploy/cvat_function.py"
FRAME = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8))
LABELS = ["flat", "sky", "vehicle"]
KEY = "a key of the service"


@pytest.fixture(scope="module")
def settings(keyless: Settings) -> Settings:
    return keyless.model_copy(update={"api_key_hashes": [sha256(KEY.encode()).hexdigest()]})


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cvat_function", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def function(module: ModuleType, empty_api: ApiServer) -> Iterator[cvataa.DetectionFunction]:
    function = module.create(url=empty_api.url, api_key=KEY)
    yield function
    function._client.close()


def detected(
    function: cvataa.DetectionFunction, as_polygons: bool, threshold: float | None = None
) -> list[Any]:
    """What CVAT would store for the frame, its task's labels numbered from 100."""
    context = driver._DetectionFunctionContextImpl(
        frame_name="street.png", conf_threshold=threshold, conv_mask_to_poly=as_polygons
    )
    found = list(function.detect(context, FRAME))
    labels = [
        models.Label(
            name=name,
            id=100 + n,
            type="polygon" if as_polygons else "mask",
            attributes=[],
            sublabels=[],
        )
        for n, name in enumerate(LABELS)
    ]
    mapper = driver._AnnotationMapper(
        logging.getLogger(__name__),
        function.spec.labels,
        labels,
        allow_unmatched_labels=True,
        conv_mask_to_poly=as_polygons,
    )
    mapper.validate_and_remap(found, 7)
    return found


def test_each_category_is_a_mask(
    function: cvataa.DetectionFunction, busy_worker: FakeWorker
) -> None:
    [shape] = detected(function, as_polygons=False)
    assert (shape.type.value, shape.label_id, shape.frame) == ("mask", 100, 7)
    height, width = SIZE
    assert decode_mask(shape.points, image_width=width, image_height=height).all()


def test_or_polygons_where_cvat_asks_for_them(
    function: cvataa.DetectionFunction, busy_worker: FakeWorker
) -> None:
    [shape] = detected(function, as_polygons=True)
    assert (shape.type.value, shape.label_id) == ("polygon", 100)
    assert sorted(zip(shape.points[::2], shape.points[1::2], strict=True)) == [
        (0, 0),
        (0, 5),
        (7, 0),
        (7, 5),
    ]


def test_pixels_below_the_threshold_are_left_out(
    function: cvataa.DetectionFunction, busy_worker: FakeWorker
) -> None:
    assert len(detected(function, as_polygons=False, threshold=CONFIDENCE - 0.01)) == 1
    assert detected(function, as_polygons=False, threshold=CONFIDENCE + 0.01) == []


def test_a_wrong_address_or_key_is_told_before_any_frame_is_loaded(
    module: ModuleType, empty_api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Client", partial(Client, patience=1))
    with pytest.raises(ServiceUnreachable, match="Nothing answers"):
        module.create(url=f"http://{HOST}:{free_port()}")
    with pytest.raises(Unauthorized, match="key"):
        module.create(url=empty_api.url, api_key="wrong")
