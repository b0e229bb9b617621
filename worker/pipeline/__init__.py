"""The way of one image: fetch and decode, infer in micro-batches, encode and store.

Jobs, claims and retries belong in `worker.work`.
"""
