"""Verification: reads every stored object and reports damage.

The running service skips damaged objects. These checks find them.
"""
