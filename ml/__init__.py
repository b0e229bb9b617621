"""Models: their networks, training, measurement and serving form.

The environment is set here because TensorFlow and Albumentations read it while they are imported.
"""

import os
import sys

# Whatever backend the user's own networks have. Who wants another one here imports Keras before.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Without it, Albumentations queries the package index for newer versions.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
# Without it the first process on a GPU takes all of its memory.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
# OpenVINO's tools send usage data to their maker unless this package is missing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
