"""The bare engine: the predictor that a worker would use, in this process."""

from __future__ import annotations

import os

import cv2

from ml.inference.predictor import Predictor
from ml.inference.predictor_loader import PredictorLoader
from ml.registry.artifact import find_artifact
from roadmask.settings import Settings

BATCH = 8


def open_engine() -> Predictor:
    """The warm predictor of the model and the engine in the settings."""
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    cv2.setNumThreads(1)
    settings = Settings()
    predictor = PredictorLoader(settings).load(find_artifact(settings.model))
    predictor.warm()
    return predictor
