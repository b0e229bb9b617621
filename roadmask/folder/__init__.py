"""A folder run: a folder of images in, the same tree of masks out, resumable at any point.

`reports/` makes reports from the results. Users import `segment_folder`.
"""
