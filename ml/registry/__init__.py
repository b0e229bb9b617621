"""Artifacts on disk: a model file and its card."""
