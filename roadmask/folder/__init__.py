"""A folder run: a folder of images in, the same tree of masks out, resumable at any point.

What is made from the results afterwards is in `reports/`. What users import is `segment_folder`.
"""
