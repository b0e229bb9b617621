"""Image files: headers, pixels, annotated masks of public data sets, and layouts of datasets.

What a mask means and how it is written is in `roadmask.masks`.
"""
