"""Colours of other spaces, to sRGB."""
