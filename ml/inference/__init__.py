"""Inference: uint8 images in, uint8 masks out."""
