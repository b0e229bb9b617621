"""Formats that other tools read, made from the canonical mask."""
