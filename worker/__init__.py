"""The worker: claims chunks of jobs, segments their images and commits the masks.

Only `worker` and `ml` may import TensorFlow, Keras or OpenVINO.
"""
