"""Measurements: ratios taken side by side in one run, medians over interleaved repeats."""
