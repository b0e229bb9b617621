"""Job records in Redis and the objects of jobs; the atomic steps are scripts in `lua/`.

Repairs of records belong in `storage.reconciler`.
"""
