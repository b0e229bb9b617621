"""Data sets and training runs that take seconds."""
