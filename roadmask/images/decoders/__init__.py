"""Decoders: from the bytes of a sniffed image to its samples, as they are stored.

A decoder returns (H, W) grey or (H, W, 3) RGB of the file's own dtype, without alpha, not turned.
"""
