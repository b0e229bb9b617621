#!/bin/sh
# Removes from the environment of an image what the service never loads: parts of
# OpenVINO for other devices and for conversions.
set -eu
libraries=$(python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/openvino/libs
rm -f "$libraries"/libopenvino_intel_gpu_plugin.so "$libraries"/libopenvino_intel_npu_plugin.so \
  "$libraries"/cache.json
for format in gguf jax onnx paddle pytorch tensorflow tensorflow_lite; do
  rm -f "$libraries"/libopenvino_${format}_frontend.so*
done
