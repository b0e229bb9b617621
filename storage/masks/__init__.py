"""Stored masks: the facts beside each, and the check of its bytes.

Making masks belongs in `worker.pipeline`.
"""
