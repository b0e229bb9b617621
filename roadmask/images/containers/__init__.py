"""Containers of images, walked without decoding: each length is checked against the file."""
