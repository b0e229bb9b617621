"""Async reads of jobs by many clients at once: waiting for a job and streaming its events.

Reads that one client does belong in `storage.jobs`.
"""
