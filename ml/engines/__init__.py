"""Engines: Keras and OpenVINO behind one protocol."""
