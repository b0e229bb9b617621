"""The scheduler: what goes on without a worker, and periodic calls.

What is repaired belongs in `storage.reconciler`, what is sent in `storage.webhooks`.
"""
