"""The scheduler: a process that runs the periodic duties without a worker.

The duties themselves are in `storage.reconciler`, `storage.webhooks` and `storage.erasure`.
"""
