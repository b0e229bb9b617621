"""Roadmask: street images in, semantic masks out. What a user of the service imports."""
