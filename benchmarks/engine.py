"""The bare engine: the Predictor that the service would run, in this process."""

from __future__ import annotations

import os

import cv2

from ml.artifact import find_artifact
from ml.predictor import Predictor
from ml.predictors import Predictors
from roadmask.settings import Settings

BATCH = 8


def open_engine() -> Predictor:
    """The predictor of the settings' model on the settings' engine, warm."""
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    cv2.setNumThreads(1)
    settings = Settings()
    predictor = Predictors(settings).load(find_artifact(settings.model))
    predictor.warm()
    return predictor
