"""Verification: every stored object is what it was when it was stored, or that is said.

What cannot be read while a service runs is skipped by its readers; here it is looked for.
"""
